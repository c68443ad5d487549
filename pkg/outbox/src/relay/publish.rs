use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::time::timeout;
use underpin_errors::Report;

use super::evidence::Answer;
use underpin_events::{Event, EventPublisher, EventsError, PublishReceipt};

/// What the publisher said of each event of a wave, and how many of them the broker knew already.
pub(super) type Answers = (Vec<Answer>, u64);

/// Publishes a wave in one go. `None` where the publisher has not answered as a whole within the limit, or has panicked:
/// then nobody knows which event is to blame, and [`publish_each`] finds out.
pub(super) async fn publish_together(
    publisher: &dyn EventPublisher,
    wave: Vec<Event>,
    within: Duration,
) -> Option<Answers> {
    let count = wave.len();
    let batch = AssertUnwindSafe(publisher.publish_batch(wave)).catch_unwind();
    let results = timeout(within, batch).await.ok()?.ok()?;
    let duplicates = results.iter().flatten().filter(|receipt| receipt.duplicate).count();
    let mut answers: Vec<Answer> = results.into_iter().map(said).collect();
    // A publisher that answers too little has not confirmed the rest.
    answers.resize(count, Answer::Failed("the publisher gave no answer".to_owned()));
    Some((answers, duplicates as u64))
}

/// Publishes the events of a wave side by side, each under the limit, so that one without an answer does not take those of
/// the others with it.
pub(super) async fn publish_each(
    publisher: &dyn EventPublisher,
    wave: Vec<Event>,
    within: Duration,
) -> Answers {
    let results = join_all(wave.into_iter().map(|event| async move {
        timeout(within, AssertUnwindSafe(publisher.publish(event)).catch_unwind()).await
    }));
    let mut duplicates = 0;
    let answers = results.await.into_iter().map(|result| match result {
        Err(_elapsed) => Answer::Failed(format!("not confirmed within {} ms", within.as_millis())),
        Ok(Err(_panic)) => Answer::Failed("the publisher panicked".to_owned()),
        Ok(Ok(result)) => {
            duplicates += u64::from(result.as_ref().is_ok_and(|receipt| receipt.duplicate));
            said(result)
        }
    });
    (answers.collect(), duplicates)
}

fn said(result: Result<PublishReceipt, EventsError>) -> Answer {
    result.err().map_or(Answer::Sent, |error| answer(&error))
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
