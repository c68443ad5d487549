use std::time::Duration;

use async_trait::async_trait;

use crate::{Event, EventsError};

/// Publishes events to a bus that acknowledges them.
///
/// # Examples
/// ```
/// use underpin_events::memory::MemoryBus;
/// use underpin_events::{Event, EventPublisher};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let bus = MemoryBus::new();
/// let event = Event::builder("order.placed", "/orders").build()?;
/// let first = bus.publish(event.clone()).await?;
/// let again = bus.publish(event).await?; // after a failure that may have been none
/// assert!(again.duplicate && again.sequence == first.sequence, "stored once");
/// # Ok(()) }
/// ```
#[async_trait]
pub trait EventPublisher: Send + Sync + 'static {
    /// Publishes one event and waits until the bus has stored it.
    ///
    /// Ordering: events published one after the other, each awaited, are stored in that order. Concurrent calls are
    /// stored in any order. Idempotency: source and id are the message id, so publishing the same event again inside the
    /// bus's duplicate window stores nothing and says so in the receipt. Retries: at most the configured number, with
    /// back-off and the same message id, all under one absolute deadline; the call ends by then, whatever the server does.
    ///
    /// # Errors
    /// [`EventsError`]; [`EventsError::is_ambiguous`] tells a failure after which the event may nevertheless be stored.
    ///
    /// # Cancel safety
    /// Dropping the future leaves it open whether the event is stored; publishing it again is safe.
    async fn publish(&self, event: Event) -> Result<PublishReceipt, EventsError>;

    /// Publishes many events in one window and reports on each, in the order given.
    ///
    /// Ordering: the events are sent in the order given, and stored in it unless one of them has to be retried.
    /// Idempotency and retries are those of [`EventPublisher::publish`], for each event. All events of the batch share one
    /// deadline: a batch is as large as fits into it.
    ///
    /// # Cancel safety
    /// As for [`EventPublisher::publish`].
    async fn publish_batch(&self, events: Vec<Event>) -> Vec<Result<PublishReceipt, EventsError>>;

    /// Waits until every publish that has begun has ended, and everything written has left for the server.
    ///
    /// # Errors
    /// [`EventsError::Timeout`] when that takes longer than `within`.
    ///
    /// # Cancel safety
    /// Cancel safe: dropping it loses no message.
    async fn flush(&self, within: Duration) -> Result<(), EventsError>;
}

const _: fn(&dyn EventPublisher) = |_| ();

/// What the bus said about a stored event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishReceipt {
    /// The position in the stream, from 1.
    pub sequence: u64,
    /// Whether the bus had this event already, and stored nothing new.
    pub duplicate: bool,
}

impl PublishReceipt {
    /// A receipt; for implementors and tests.
    pub fn new(sequence: u64, duplicate: bool) -> Self {
        Self { sequence, duplicate }
    }
}
