//! Publishes events within limits, and reads the publisher's answers.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::{Instant, timeout, timeout_at};
use underpin_errors::Report;
use underpin_events::{Event, EventPublisher, EventsError, PublishReceipt};

use super::poison::Reply;

/// The publish of one row.
pub(super) type Publish = BoxFuture<'static, Published>;

/// A publish that has ended.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) row: i64,
    pub(super) reply: Reply,
    /// Whether the broker had the event already.
    pub(super) duplicate: bool,
    pub(super) took: Duration,
}

/// Publishes a window in one go. `None` where the publisher has not answered as a whole within the limit, or has
/// panicked: then it is unknown which event is to blame, and [`publish_each`] finds out.
pub(super) async fn publish_together(
    publisher: &dyn EventPublisher,
    window: Vec<Event>,
    within: Duration,
) -> Option<Vec<(Reply, bool)>> {
    let count = window.len();
    let batch = AssertUnwindSafe(publisher.publish_batch(window)).catch_unwind();
    let results = timeout(within, batch).await.ok()?.ok()?;
    let mut replies: Vec<(Reply, bool)> = results.into_iter().map(reply).collect();
    // A publisher that answers too little has not confirmed the rest.
    replies.resize(count, (Reply::Failed("the publisher gave no answer".to_owned()), false));
    Some(replies)
}

/// Publishes events side by side, each within its own limit. Returns what has ended after `patience`, and the rest.
pub(super) async fn publish_each(
    publisher: &Arc<dyn EventPublisher>,
    window: Vec<(i64, Event)>,
    within: Duration,
    patience: Duration,
) -> (Vec<Published>, FuturesUnordered<Publish>) {
    let mut publishes: FuturesUnordered<Publish> =
        window.into_iter().map(|(row, event)| publish_one(publisher, row, event, within)).collect();
    let (until, mut ended) = (Instant::now() + patience, Vec::with_capacity(publishes.len()));
    while let Ok(Some(published)) = timeout_at(until, publishes.next()).await {
        ended.push(published);
    }
    (ended, publishes)
}

/// Publishes one event within a limit, whatever the publisher does.
pub(super) fn publish_one(
    publisher: &Arc<dyn EventPublisher>,
    row: i64,
    event: Event,
    within: Duration,
) -> Publish {
    let publisher = Arc::clone(publisher);
    let publish = async move { AssertUnwindSafe(publisher.publish(event)).catch_unwind().await };
    Box::pin(async move {
        let started = Instant::now();
        let (reply, duplicate) = match timeout(within, publish).await {
            Err(_elapsed) => {
                (Reply::Failed(format!("not confirmed within {} ms", within.as_millis())), false)
            }
            Ok(Err(_panic)) => (Reply::Failed("the publisher panicked".to_owned()), false),
            Ok(Ok(result)) => reply(result),
        };
        Published { row, reply, duplicate, took: started.elapsed() }
    })
}

fn reply(result: Result<PublishReceipt, EventsError>) -> (Reply, bool) {
    match result {
        Ok(receipt) => (Reply::Confirmed, receipt.duplicate),
        Err(error) => (failed(&error), false),
    }
}

fn failed(error: &EventsError) -> Reply {
    let reason = Report(error).to_string();
    match error {
        EventsError::InvalidEvent(_)
        | EventsError::InvalidPattern
        | EventsError::InvalidOption { .. }
        | EventsError::TooLarge { .. } => Reply::Rejected(reason),
        EventsError::Connect { .. }
        | EventsError::Disconnected
        | EventsError::Unavailable(_)
        | EventsError::Closed
        | EventsError::JetStreamDisabled => Reply::Unreachable(reason),
        _ => Reply::Failed(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_distinguished_by_what_helps() {
        assert!(matches!(failed(&EventsError::TooLarge { size: 2, limit: Some(1) }), Reply::Rejected(_)));
        assert!(matches!(failed(&EventsError::Disconnected), Reply::Unreachable(_)));
        let unconfirmed =
            EventsError::Unconfirmed { within: Duration::from_secs(1), source: "no answer".into() };
        assert_eq!(failed(&unconfirmed), Reply::Failed("not confirmed within 1000 ms: no answer".to_owned()));
        assert!(matches!(failed(&EventsError::NoStream { subject: "a".to_owned() }), Reply::Failed(_)));
    }
}
