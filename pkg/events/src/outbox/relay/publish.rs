use std::time::Duration;

use underpin_errors::Report;

use super::batch::Verdict;
use crate::{Event, EventPublisher, EventsError};

/// Publishes a wave within a limit, and says of each event what it came to and whether the broker knew it already.
pub(super) async fn publish(
    publisher: &dyn EventPublisher,
    wave: Vec<Event>,
    within: Duration,
) -> (Vec<Verdict>, u64) {
    let count = wave.len();
    let Ok(results) = tokio::time::timeout(within, publisher.publish_batch(wave)).await else {
        let reason = format!("not confirmed within {} ms", within.as_millis());
        return (vec![Verdict::Failed(reason); count], 0);
    };
    let duplicates = results.iter().flatten().filter(|receipt| receipt.duplicate).count();
    let mut verdicts: Vec<Verdict> = results
        .into_iter()
        .map(|result| result.err().map_or(Verdict::Sent, |error| verdict(&error)))
        .collect();
    // A publisher that answers too little has not confirmed the rest.
    verdicts.resize(count, Verdict::Failed("the publisher gave no answer".to_owned()));
    (verdicts, duplicates as u64)
}

fn verdict(error: &EventsError) -> Verdict {
    let reason = Report(error).to_string();
    match error {
        EventsError::InvalidEvent(_)
        | EventsError::InvalidPattern
        | EventsError::InvalidOption { .. }
        | EventsError::TooLarge { .. } => Verdict::Hopeless(reason),
        EventsError::Connect { .. }
        | EventsError::Disconnected
        | EventsError::Unavailable(_)
        | EventsError::Closed
        | EventsError::JetStreamDisabled => Verdict::Unreachable(reason),
        _ => Verdict::Failed(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_apart_by_what_helps() {
        assert!(matches!(verdict(&EventsError::TooLarge { size: 2, limit: Some(1) }), Verdict::Hopeless(_)));
        assert!(matches!(verdict(&EventsError::Disconnected), Verdict::Unreachable(_)));
        let unconfirmed =
            EventsError::Unconfirmed { within: Duration::from_secs(1), source: "no answer".into() };
        assert_eq!(
            verdict(&unconfirmed),
            Verdict::Failed("not confirmed within 1000 ms: no answer".to_owned())
        );
        assert!(matches!(verdict(&EventsError::NoStream { subject: "a".to_owned() }), Verdict::Failed(_)));
    }
}
