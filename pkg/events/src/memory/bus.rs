use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use underpin_config::Checks;
use underpin_errors::{Health, HealthCheck};
use underpin_logger::{Logger, NoopLogger};

use super::MemorySettings;
use super::durable::Durable;
use super::state::State;
use super::subscription::MemorySubscription;
use crate::pattern::check_type;
use crate::{
    Event, EventHandler, EventPublisher, EventSubscriber, EventsError, PublishReceipt, SubscribeOptions,
    Subscription,
};

/// A bus inside the process. Clones share it.
///
/// # Examples
/// ```
/// use underpin_events::{Event, EventPublisher, EventSubscriber, Outcome, SubscribeOptions, handler_fn};
/// use underpin_events::memory::MemoryBus;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let bus = MemoryBus::new();
/// let (seen, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
/// let handler = handler_fn(move |delivery| {
///     let seen = seen.clone();
///     async move {
///         match seen.send(delivery.into_event()) {
///             Ok(()) => Outcome::ack(),
///             Err(_) => Outcome::retry("nobody listens"),
///         }
///     }
/// });
/// let subscription = bus.subscribe(SubscribeOptions::new("projection").types(["order.*"]), handler).await?;
///
/// bus.publish(Event::builder("order.placed", "/orders").subject("42").build()?).await?;
/// assert_eq!(arrivals.recv().await.unwrap().subject(), Some("42"));
/// let _ = subscription.drain(std::time::Duration::from_secs(5)).await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct MemoryBus {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    state: Mutex<State>,
    pub(super) settings: MemorySettings,
    pub(super) log: Arc<dyn Logger>,
}

impl MemoryBus {
    /// A bus with default settings that logs nothing.
    pub fn new() -> Self {
        Self { inner: Arc::new(Inner::new(MemorySettings::default(), Arc::new(NoopLogger))) }
    }

    /// A bus with these settings.
    ///
    /// # Errors
    /// [`EventsError::InvalidOption`] when a setting is out of range.
    pub fn with_settings(settings: MemorySettings, log: Arc<dyn Logger>) -> Result<Self, EventsError> {
        if let Some(failure) = Checks::of(&settings).failures().first() {
            return Err(EventsError::option(failure.key(), failure.message()));
        }
        Ok(Self { inner: Arc::new(Inner::new(settings, log)) })
    }

    /// Refuses every publish and subscription from now on. Running subscriptions go on until they are drained.
    pub fn close(&self) {
        self.inner.state().closed = true;
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    fn publish_now(&self, event: Event) -> Result<PublishReceipt, EventsError> {
        check_type(event.ty())?;
        let (size, limit) = (event.data().map_or(0, crate::Data::len), self.inner.settings.max_event_size);
        if size > limit {
            return Err(EventsError::TooLarge { size, limit: Some(limit) });
        }
        let mut state = self.inner.state();
        if state.closed {
            return Err(EventsError::Closed);
        }
        state.append(&self.inner.settings, event.id().into(), Arc::new(event), None)
    }
}

impl Inner {
    fn new(settings: MemorySettings, log: Arc<dyn Logger>) -> Self {
        Self { state: Mutex::new(State::new()), settings, log }
    }

    /// A panic while the lock was held cannot leave the state half changed: nothing in it calls foreign code.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBus").field("events", &self.inner.state().len()).finish_non_exhaustive()
    }
}

#[async_trait]
impl EventPublisher for MemoryBus {
    async fn publish(&self, event: Event) -> Result<PublishReceipt, EventsError> {
        self.publish_now(event)
    }

    async fn publish_batch(&self, events: Vec<Event>) -> Vec<Result<PublishReceipt, EventsError>> {
        events.into_iter().map(|event| self.publish_now(event)).collect()
    }

    async fn flush(&self, _within: Duration) -> Result<(), EventsError> {
        Ok(())
    }
}

#[async_trait]
impl EventSubscriber for MemoryBus {
    async fn subscribe(
        &self,
        options: SubscribeOptions,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Arc<dyn Subscription>, EventsError> {
        options.check()?;
        let patterns = options.patterns()?;
        let wake = {
            let mut state = self.inner.state();
            if state.closed {
                return Err(EventsError::Closed);
            }
            let next = state.next_sequence();
            let durable = match state.durables.get_mut(options.name.as_str()) {
                Some(durable) => {
                    durable.reconfigure(&options, patterns);
                    durable
                }
                None => state
                    .durables
                    .entry(options.name.as_str().into())
                    .or_insert_with(|| Durable::new(&options, patterns, next)),
            };
            durable.members += 1;
            Arc::clone(&durable.wake)
        };
        Ok(Arc::new(MemorySubscription::start(Arc::clone(&self.inner), options, handler, wake)))
    }
}

#[async_trait]
impl HealthCheck for MemoryBus {
    fn name(&self) -> &'static str {
        "events"
    }

    async fn check(&self) -> Health {
        let state = self.inner.state();
        let health = if state.closed { Health::down("closed") } else { Health::up() };
        health
            .detail("backend", "memory")
            .detail("events", state.len())
            .detail("dead_letters", state.dead_letters.len())
    }
}
