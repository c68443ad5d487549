use std::time::Duration;

use underpin_errors::Report;

use super::evidence::Answer;
use crate::{Event, EventPublisher, EventsError};

/// Publishes a wave within a limit, and says of each event what it came to and whether the broker knew it already.
pub(super) async fn publish(
    publisher: &dyn EventPublisher,
    wave: Vec<Event>,
    within: Duration,
) -> (Vec<Answer>, u64) {
    let count = wave.len();
    let Ok(results) = tokio::time::timeout(within, publisher.publish_batch(wave)).await else {
        let reason = format!("not confirmed within {} ms", within.as_millis());
        return (vec![Answer::Failed(reason); count], 0);
    };
    let duplicates = results.iter().flatten().filter(|receipt| receipt.duplicate).count();
    let mut answers: Vec<Answer> =
        results.into_iter().map(|result| result.err().map_or(Answer::Sent, |error| answer(&error))).collect();
    // A publisher that answers too little has not confirmed the rest.
    answers.resize(count, Answer::Failed("the publisher gave no answer".to_owned()));
    (answers, duplicates as u64)
}

fn answer(error: &EventsError) -> Answer {
    let reason = Report(error).to_string();
    match error {
        EventsError::InvalidEvent(_)
        | EventsError::InvalidPattern
        | EventsError::InvalidOption { .. }
        | EventsError::TooLarge { .. } => Answer::Never(reason),
        EventsError::Connect { .. }
        | EventsError::Disconnected
        | EventsError::Unavailable(_)
        | EventsError::Closed
        | EventsError::JetStreamDisabled => Answer::Unreachable(reason),
        _ => Answer::Failed(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_apart_by_what_helps() {
        assert!(matches!(answer(&EventsError::TooLarge { size: 2, limit: Some(1) }), Answer::Never(_)));
        assert!(matches!(answer(&EventsError::Disconnected), Answer::Unreachable(_)));
        let unconfirmed =
            EventsError::Unconfirmed { within: Duration::from_secs(1), source: "no answer".into() };
        assert_eq!(
            answer(&unconfirmed),
            Answer::Failed("not confirmed within 1000 ms: no answer".to_owned())
        );
        assert!(matches!(answer(&EventsError::NoStream { subject: "a".to_owned() }), Answer::Failed(_)));
    }
}
