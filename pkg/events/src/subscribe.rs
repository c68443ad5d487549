use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use underpin_errors::HealthCheck;

use crate::{EventHandler, EventsError, SubscribeOptions};

/// Hands events to handlers.
///
/// # Examples
/// ```
/// use std::{sync::Arc, time::Duration};
/// use underpin_events::{DrainOutcome, Event, EventPublisher, EventSubscriber, Outcome, SubscribeOptions, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let bus = Arc::new(underpin_events::memory::MemoryBus::new());
/// let (seen, mut events) = tokio::sync::mpsc::unbounded_channel();
/// let handler = handler_fn(move |delivery| {
///     seen.send(delivery.into_event()).ok();
///     async { Outcome::ack() }
/// });
/// let subscriber: Arc<dyn EventSubscriber> = bus.clone();
/// let subscription = subscriber.subscribe(SubscribeOptions::new("mailer").types(["order.>"]), handler).await?;
///
/// bus.publish(Event::builder("order.placed", "/orders").subject("42").build()?).await?;
/// assert_eq!(events.recv().await.ok_or("the handler is there")?.subject(), Some("42"));
/// assert_eq!(subscription.drain(Duration::from_secs(5)).await, DrainOutcome::Drained);
/// # Ok(()) }
/// ```
#[async_trait]
pub trait EventSubscriber: Send + Sync + 'static {
    /// Starts a subscription and returns once it is in place: an event published afterwards reaches the handler.
    ///
    /// Ordering is chosen by [`SubscribeOptions::order`]. Delivery is at least once: a handler can see an event again,
    /// so its effects should be idempotent or guarded by an inbox or an [`IdempotencyStore`](crate::IdempotencyStore).
    /// Idempotency: a second subscription of the same name joins the first, in this process or another, and the events
    /// are shared between them. Retries: the subscription recovers by itself from everything that can pass, and tells
    /// its state as a [`HealthCheck`].
    ///
    /// # Errors
    /// [`EventsError::InvalidOption`] and what the backend says when the subscription cannot be put in place.
    ///
    /// # Cancel safety
    /// Cancel safe: a subscription that is not returned does not run.
    async fn subscribe(
        &self,
        options: SubscribeOptions,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Arc<dyn Subscription>, EventsError>;
}

const _: fn(&dyn EventSubscriber) = |_| ();

/// A running subscription, and its [`HealthCheck`]: hand a clone of the `Arc` to the readiness endpoint.
///
/// Dropping the last handle stops it at once, as a fallback; [`Subscription::drain`] is how it should end.
#[async_trait]
pub trait Subscription: HealthCheck {
    /// How far behind this subscription is.
    ///
    /// # Errors
    /// What the backend says; the call is bounded in time.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn lag(&self) -> Result<Lag, EventsError>;

    /// Takes no further events, waits for the handlers that run, and ends.
    ///
    /// Events that wait in this process are given back. Idempotency: a second call waits for the same end. When the
    /// time is over the remaining handlers are cancelled, confirmations and dead letters under way are given up, and their
    /// events will be delivered again.
    ///
    /// # Cancel safety
    /// The drain goes on when the future is dropped; only the waiting ends, and with it the limit.
    async fn drain(&self, within: Duration) -> DrainOutcome;

    /// Waits until the subscription has ended, by a drain or by a failure that cannot pass.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn closed(&self);
}

const _: fn(&dyn Subscription) = |_| ();

/// How far a subscription is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lag {
    /// Events that match and were never delivered.
    pub waiting: u64,
    /// Events delivered and neither confirmed nor given up.
    pub in_flight: u64,
    /// Events in flight that were delivered more than once.
    pub redelivered: u64,
}

impl Lag {
    /// A lag; for implementors and tests.
    pub fn new(waiting: u64, in_flight: u64, redelivered: u64) -> Self {
        Self { waiting, in_flight, redelivered }
    }

    /// Whether everything published so far is dealt with.
    pub fn is_zero(&self) -> bool {
        self.waiting == 0 && self.in_flight == 0
    }
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a drain that timed out has cancelled handlers"]
pub enum DrainOutcome {
    /// Every handler finished.
    Drained,
    /// The time was over with that many events left.
    TimedOut {
        /// Events whose handler was cancelled, or whose confirmation or dead letter was under way.
        cancelled: usize,
    },
}
