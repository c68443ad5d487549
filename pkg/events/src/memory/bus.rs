use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use underpin_errors::{Health, HealthCheck};
use underpin_journal::Journal;
use underpin_logger::{Logger, NoopLogger};

use super::settings::MemorySettings;
use super::shared::BusInner;
use super::state::BusState;
use super::subscription::MemorySubscription;
use crate::{EventHandler, EventSubscriber, EventsError, SubscribeOptions, Subscription};

/// An event bus inside the process. Clones share it.
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
///             Err(_) => Outcome::retry("the receiver is gone"),
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
    inner: Arc<BusInner>,
}

impl MemoryBus {
    /// A bus with default settings that logs nothing.
    pub fn new() -> Self {
        let inner = BusInner::new(BusState::new(), MemorySettings::default(), Arc::new(NoopLogger));
        Self { inner: Arc::new(inner) }
    }

    /// A bus with these settings. With a journal it reads the whole file before it returns.
    ///
    /// Events that a subscription had not acknowledged are delivered once a subscription of that name starts; a delivery that
    /// was being handled counts as an attempt. Waits between attempts are not kept.
    ///
    /// # Errors
    /// [`EventsError::InvalidOption`] when a setting is out of range, [`EventsError::Backend`] when the journal cannot be
    /// opened, is open in another process, or is damaged elsewhere than in the last record.
    pub fn with_settings(settings: MemorySettings, log: Arc<dyn Logger>) -> Result<Self, EventsError> {
        EventsError::check(&settings)?;
        let mut state = BusState::new();
        if let Some(journal) = &settings.journal {
            let restore = |record| state.restore(record, &settings);
            let journal = Journal::open(journal, Arc::clone(&log), restore);
            let journal = journal.map_err(|error| EventsError::backend("open the journal", error))?;
            state.journal = Some(journal);
        }
        // The limit may be lower than it was.
        let dropped = state.drop_oldest_dead_letters(settings.max_dead_letters);
        let inner = BusInner::new(state, settings, log);
        inner.record_dropped_dead_letters(dropped);
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Rejects every later publish and subscription with [`EventsError::Closed`]. Running subscriptions go on until they are
    /// drained.
    pub fn close(&self) {
        self.inner.state().closed = true;
    }

    pub(super) fn inner(&self) -> &Arc<BusInner> {
        &self.inner
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
            Arc::clone(&state.join(&options, patterns)?.wake)
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
        let health = if state.closed {
            Health::down("closed")
        } else if state.journal.as_ref().is_some_and(Journal::has_failed) {
            Health::down("the journal failed")
        } else {
            Health::up()
        };
        health
            .detail("backend", "memory")
            .detail("events", state.len())
            .detail("dead_letters", state.dead_letters.len())
            .detail("dead_letters_dropped", self.inner.dead_letters_dropped.load(Ordering::Relaxed))
    }
}
