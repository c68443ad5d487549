use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Revision, StoreError};

/// How the caches of several instances hear of each other's invalidations: by a key-value watch
/// ([`KeyValueFeed`](crate::KeyValueFeed)), or by events.
///
/// # Examples
/// By events. Each instance has a subscription, whose health says when invalidations may be missed.
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use async_trait::async_trait;
/// use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
/// use tokio::time::timeout;
/// use underpin_errors::{Error, HealthStatus};
/// use underpin_events::memory::MemoryBus;
/// use underpin_events::{Event, EventPublisher, EventSubscriber, Outcome, StartPosition, SubscribeOptions, Subscription, handler_fn};
/// use underpin_store::{Cache, CacheSettings, Invalidation, InvalidationFeed, Invalidations, StoreError};
///
/// struct EventFeed { bus: Arc<MemoryBus>, instance: &'static str }
///
/// #[async_trait]
/// impl InvalidationFeed for EventFeed {
///     async fn publish(&self, invalidation: &Invalidation) -> Result<(), StoreError> {
///         let event = Event::builder("prices.invalidated", "/prices").json(invalidation).build();
///         let event = event.map_err(|error| StoreError::Encode(error.into()))?;
///         self.bus.publish(event).await.map_err(|error| StoreError::Unavailable(error.into()))?;
///         Ok(())
///     }
///
///     async fn subscribe(&self) -> Result<Box<dyn Invalidations>, StoreError> {
///         let (sender, received) = unbounded_channel();
///         let handler = handler_fn(move |delivery| {
///             // What cannot be read may be anything.
///             sender.send(delivery.event().json().unwrap_or(Invalidation::Interrupted)).ok();
///             async { Outcome::ack() }
///         });
///         let options = SubscribeOptions::new(format!("prices-{}", self.instance))
///             .types(["prices.invalidated"])
///             .start(StartPosition::Next);
///         let subscription = self.bus.subscribe(options, handler).await;
///         let subscription = subscription.map_err(|error| StoreError::Unavailable(error.into()))?;
///         Ok(Box::new(Received { received, subscription }))
///     }
/// }
///
/// struct Received { received: UnboundedReceiver<Invalidation>, subscription: Arc<dyn Subscription> }
///
/// #[async_trait]
/// impl Invalidations for Received {
///     async fn next(&mut self) -> Result<Invalidation, StoreError> {
///         loop {
///             match timeout(Duration::from_secs(1), self.received.recv()).await {
///                 Ok(invalidation) => return invalidation.ok_or(StoreError::Closed),
///                 Err(_) if self.subscription.check().await.status == HealthStatus::Up => {}
///                 Err(_) => return Ok(Invalidation::Interrupted),
///             }
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// let bus = Arc::new(MemoryBus::new());
/// let instance = |instance| {
///     let feed = Arc::new(EventFeed { bus: Arc::clone(&bus), instance });
///     Cache::builder(CacheSettings::default()).feed(feed).loading(|id: u32| async move { Ok::<_, Error>(Some(id)) })
/// };
/// let (one, two) = (instance("a")?, instance("b")?);
/// // Each begins with an empty memory, once it listens.
/// while one.stats().interruptions == 0 || two.stats().interruptions == 0 {
///     tokio::task::yield_now().await;
/// }
/// two.get(&7).await?;
/// one.invalidate(&7).await?;
/// while two.stats().invalidations == 0 {
///     tokio::task::yield_now().await;
/// }
/// two.get(&7).await?;
/// assert_eq!(two.stats().loads, 2);
/// # Ok(()) }
/// ```
#[async_trait]
pub trait InvalidationFeed: Send + Sync + 'static {
    /// Announces to the other instances what is no longer valid.
    ///
    /// # Errors
    /// Those of whatever carries it. The others may not have heard.
    ///
    /// # Cancel safety
    /// The others may have heard.
    async fn publish(&self, invalidation: &Invalidation) -> Result<(), StoreError>;

    /// Listens from now on.
    ///
    /// # Errors
    /// Those of whatever carries it.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn subscribe(&self) -> Result<Box<dyn Invalidations>, StoreError>;
}

const _: fn(&dyn InvalidationFeed) = |_| ();

/// Invalidations, one after the other.
#[async_trait]
pub trait Invalidations: Send {
    /// The next one.
    ///
    /// # Errors
    /// What ends the subscription. The cache drops everything and subscribes again.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn next(&mut self) -> Result<Invalidation, StoreError>;
}

const _: fn(&dyn Invalidations) = |_| ();

/// A message of a feed. With serde, for feeds that carry it as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Invalidation {
    /// The value of a key changed.
    Key {
        /// The key as text.
        key: String,
        /// The write in the second level behind it: a value from that write or a later one is valid.
        revision: Option<Revision>,
    },
    /// Every value with a tag changed.
    Tag {
        /// The tag.
        tag: String,
    },
    /// Invalidations may have been missed: everything may be invalid.
    Interrupted,
}
