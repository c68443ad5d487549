use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Event, EventsError, InvalidEventError, PublishReceipt};

/// The queue of events that handlers gave up, or that could not be decoded.
///
/// # Examples
/// ```
/// use underpin_events::memory::MemoryBus;
/// use underpin_events::{DeadLetterQueue, Event, EventPublisher, EventSubscriber, Outcome, SubscribeOptions, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let bus = MemoryBus::new();
/// let handler = handler_fn(|_| async { Outcome::dead_letter("no such customer") });
/// let mailer = bus.subscribe(SubscribeOptions::new("mailer"), handler).await?;
/// bus.publish(Event::builder("order.placed", "/orders").subject("42").build()?).await?;
/// let dead_letter = loop {
///     match bus.list(0, 10).await?.pop() {
///         Some(dead_letter) => break dead_letter,
///         None => tokio::task::yield_now().await,
///     }
/// };
/// assert_eq!((dead_letter.subscription.as_str(), dead_letter.reason.as_str()), ("mailer", "no such customer"));
/// bus.discard(dead_letter.id).await?; // or replay(dead_letter.id): to this subscription, and to no other
/// assert!(bus.list(0, 10).await?.is_empty());
/// # let _ = mailer.drain(std::time::Duration::from_secs(5)).await;
/// # Ok(()) }
/// ```
#[async_trait]
pub trait DeadLetterQueue: Send + Sync + 'static {
    /// The dead letters after `after` (0 for the first page), oldest first, at most `limit`.
    ///
    /// Ordering: by id. Idempotency: reads only. Retries: none.
    ///
    /// # Errors
    /// What the backend says.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn list(&self, after: u64, limit: usize) -> Result<Vec<DeadLetter>, EventsError>;

    /// One dead letter.
    ///
    /// Idempotency: reads only. Retries: none.
    ///
    /// # Errors
    /// [`EventsError::NotFound`] when there is none with this id.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn inspect(&self, id: u64) -> Result<DeadLetter, EventsError>;

    /// Publishes the event again for the subscription that gave it up, and for no other. Its attempts are counted from 1.
    ///
    /// The event does not change, nor does its id; only the message id on the wire is new. The dead letter is removed once the
    /// event is stored. Idempotency: replaying the same dead letter twice stores one message.
    ///
    /// # Errors
    /// [`EventsError::NotFound`] when there is none with this id or it is not complete any more, or what publishing says;
    /// the dead letter is then still there.
    ///
    /// # Cancel safety
    /// The replay may have happened; repeating it is safe.
    async fn replay(&self, id: u64) -> Result<PublishReceipt, EventsError>;

    /// Removes a dead letter for good.
    ///
    /// Idempotency: the second call says [`EventsError::NotFound`]. Retries: none.
    ///
    /// # Errors
    /// [`EventsError::NotFound`] when there is none with this id.
    ///
    /// # Cancel safety
    /// The removal may have happened.
    async fn discard(&self, id: u64) -> Result<(), EventsError>;
}

const _: fn(&dyn DeadLetterQueue) = |_| ();

/// An event that a subscription gave up, as it arrived, and why.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Its position in the dead letter queue, from 1.
    pub id: u64,
    /// The subscription that gave it up.
    pub subscription: String,
    /// Why.
    pub reason: String,
    /// How many attempts were made.
    pub attempts: u32,
    /// When it was dead-lettered.
    pub time: SystemTime,
    /// The event type, from the subject it arrived on.
    pub ty: String,
    /// Its position in the stream it came from.
    pub sequence: u64,
    /// The headers as they arrived.
    pub headers: Vec<(String, String)>,
    /// The header block as it arrived, when the NATS client cannot read it. [`headers`](Self::headers) then has what is legible.
    pub raw_headers: Option<Bytes>,
    /// The bytes as they arrived.
    pub payload: Bytes,
    /// Whether headers and payload are all here. An event so large that nothing could be added to it stays in the stream
    /// of events, and is lost once that stream drops it.
    pub complete: bool,
}

impl DeadLetter {
    /// The event, when it can be read as CloudEvents 1.0. With the feature `flat`, `Event::from_message_or_flat` also reads the
    /// flat form.
    ///
    /// # Errors
    /// [`InvalidEventError`] for the payload that could not be decoded in the first place.
    pub fn event(&self) -> Result<Event, InvalidEventError> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Event::from_message(headers, self.payload.clone())
    }
}
