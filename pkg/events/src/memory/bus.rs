use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use underpin_config::Checks;
use underpin_errors::{Health, HealthCheck};
use underpin_logger::{Context, Logger, NoopLogger, warn};

use super::MemorySettings;
use super::journal::Journal;
use super::state::{Appended, State};
use super::subscription::MemorySubscription;
use crate::pattern::check_type;
use crate::{
    Event, EventHandler, EventPublisher, EventSubscriber, EventsError, PublishReceipt, SubscribeOptions,
    Subscription,
};

/// How many events of a batch are stored before others get their turn.
const LOCKED_FOR: usize = 256;

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
    /// What was acknowledged and has not found its way into the state: handlers and publishers would else wait for each
    /// other at every event.
    acknowledged: Mutex<Vec<(Arc<str>, u64)>>,
    /// How far the journal is on the disk. Whoever holds this waits for the disk, on behalf of those behind.
    on_disk: tokio::sync::Mutex<u64>,
    pub(super) settings: MemorySettings,
    pub(super) log: Arc<dyn Logger>,
    /// How many dead letters went because there were too many.
    letters_dropped: AtomicUsize,
}

impl MemoryBus {
    /// A bus with default settings that logs nothing.
    pub fn new() -> Self {
        Self { inner: Arc::new(Inner::new(State::new(), MemorySettings::default(), Arc::new(NoopLogger))) }
    }

    /// A bus with these settings. With a journal it reads the file, and takes as long as that takes.
    ///
    /// What was published and not acknowledged by each subscription is delivered once the subscription is there again; what
    /// was being handled counts as an attempt. Waits between attempts are not kept.
    ///
    /// # Errors
    /// [`EventsError::InvalidOption`] when a setting is out of range, [`EventsError::Backend`] when the journal cannot be
    /// opened, is open in another process, or is damaged elsewhere than in the last record.
    pub fn with_settings(settings: MemorySettings, log: Arc<dyn Logger>) -> Result<Self, EventsError> {
        if let Some(failure) = Checks::of(&settings).failures().first() {
            return Err(EventsError::option(failure.key(), failure.message()));
        }
        let mut state = State::new();
        if let Some(journal) = &settings.journal {
            let restore = |record| state.restore(record, &settings);
            let journal = Journal::open(journal, Arc::clone(&log), restore)?;
            state.journal = Some(journal);
        }
        // The limit may be lower than it was.
        let gone = state.drop_oldest_letters(settings.max_dead_letters);
        let inner = Inner::new(state, settings, log);
        inner.note_letters_dropped(gone);
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Refuses every publish and subscription from now on. Running subscriptions go on until they are drained.
    pub fn close(&self) {
        self.inner.state().closed = true;
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    fn publish_now(&self, state: &mut State, now: Instant, event: Event) -> Result<Appended, EventsError> {
        check_type(event.ty())?;
        let (size, limit) = (event.data().map_or(0, crate::Data::len), self.inner.settings.max_event_size);
        if size > limit {
            return Err(EventsError::TooLarge { size, limit: Some(limit) });
        }
        if state.closed {
            return Err(EventsError::Closed);
        }
        state.append(&self.inner.settings, now, Arc::new(event), None, |state| self.inner.catch_up(state))
    }
}

impl Inner {
    fn new(state: State, settings: MemorySettings, log: Arc<dyn Logger>) -> Self {
        Self {
            state: Mutex::new(state),
            acknowledged: Mutex::default(),
            on_disk: tokio::sync::Mutex::default(),
            settings,
            log,
            letters_dropped: AtomicUsize::new(0),
        }
    }

    /// Tells that so many dead letters went for a new one; in the log at the first, and then whenever they have doubled.
    pub(super) fn note_letters_dropped(&self, gone: usize) {
        if gone == 0 {
            return;
        }
        metrics::counter!("underpin_events_dead_letters_dropped_total")
            .increment(u64::try_from(gone).unwrap_or(u64::MAX));
        let before = self.letters_dropped.fetch_add(gone, Ordering::Relaxed);
        let dropped = before.saturating_add(gone);
        if before.checked_ilog2() != dropped.checked_ilog2() {
            let limit = self.settings.max_dead_letters;
            let ctx = Context::background();
            warn!(
                self.log,
                &ctx, "dropped the oldest dead letters, to keep within the limit", dropped, limit
            );
        }
    }

    /// Waits until what was published so far counts as stored.
    pub(super) async fn stored(&self) -> Result<(), EventsError> {
        self.sync(false).await
    }

    /// One `fsync` for all that wait at the same time.
    async fn sync(&self, forced: bool) -> Result<(), EventsError> {
        let unconfirmed = |failure: std::io::Error| EventsError::Unconfirmed {
            within: Duration::ZERO,
            source: failure.into(),
        };
        let point = || {
            let state = self.state();
            state.journal.as_ref().and_then(|journal| journal.sync_point(forced)).transpose()
        };
        let Some((_, mine)) = point().map_err(unconfirmed)? else { return Ok(()) };
        let mut on_disk = self.on_disk.lock().await;
        if *on_disk >= mine {
            return Ok(());
        }
        // By now there may be more, and that is synced as well.
        let Some((file, all)) = point().map_err(unconfirmed)? else { return Ok(()) };
        let synced = tokio::task::spawn_blocking(move || file.sync_data()).await;
        match synced.map_err(std::io::Error::other).flatten() {
            Ok(()) => *on_disk = all,
            Err(failure) => {
                if let Some(journal) = &mut self.state().journal {
                    journal.fail(&failure);
                }
                return Err(unconfirmed(failure));
            }
        }
        Ok(())
    }

    /// Everything that was acknowledged is in it.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        self.catch_up(&mut state);
        state
    }

    /// The state without the last acknowledgements. A panic while the lock was held cannot leave it half changed: nothing in it
    /// calls foreign code.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings what was acknowledged into the state.
    fn catch_up(&self, state: &mut State) {
        let acknowledged = std::mem::take(&mut *self.acknowledged());
        for of_one in acknowledged.chunk_by(|(a, _), (b, _)| Arc::ptr_eq(a, b)) {
            if let Some((name, _)) = of_one.first() {
                state.settle(name, of_one.iter().map(|(_, sequence)| *sequence));
            }
        }
    }

    /// Notes that a subscription is done with an event; `at_once` where somebody waits for that.
    pub(super) fn settle(&self, name: &Arc<str>, sequence: u64, at_once: bool) {
        if at_once || self.settings.journal.is_some() {
            self.state().settle(name, [sequence]);
        } else {
            self.acknowledged().push((Arc::clone(name), sequence));
        }
    }

    fn acknowledged(&self) -> MutexGuard<'_, Vec<(Arc<str>, u64)>> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
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
        let (appended, woken) = {
            let mut state = self.inner.lock();
            (self.publish_now(&mut state, Instant::now(), event)?, state.take_woken())
        };
        woken.iter().for_each(|subscription| subscription.notify_one());
        self.inner.stored().await?;
        Ok(appended.receipt)
    }

    async fn publish_batch(&self, events: Vec<Event>) -> Vec<Result<PublishReceipt, EventsError>> {
        let mut results = Vec::with_capacity(events.len());
        let mut events = events.into_iter();
        while events.len() > 0 {
            // Not all under one lock: subscriptions want to begin.
            let mut gone = Vec::new();
            let woken = {
                let (mut state, now) = (self.inner.lock(), Instant::now());
                let some = events.by_ref().take(LOCKED_FOR);
                results.extend(some.map(|event| {
                    let appended = self.publish_now(&mut state, now, event)?;
                    gone.extend(appended.gone);
                    Ok(appended.receipt)
                }));
                state.take_woken()
            };
            woken.iter().for_each(|subscription| subscription.notify_one());
        }
        if let Err(failure) = self.inner.stored().await {
            let reason = underpin_errors::Report(&failure).to_string();
            let unconfirmed =
                || EventsError::Unconfirmed { within: Duration::ZERO, source: reason.clone().into() };
            results
                .iter_mut()
                .filter(|result| result.is_ok())
                .for_each(|result| *result = Err(unconfirmed()));
        }
        results
    }

    /// Waits until the journal, if there is one, is on the disk.
    async fn flush(&self, within: Duration) -> Result<(), EventsError> {
        let late = |_| EventsError::Timeout { operation: "flush", within };
        tokio::time::timeout(within, self.inner.sync(true)).await.map_err(late)?
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
            .detail("dead_letters_dropped", self.inner.letters_dropped.load(Ordering::Relaxed))
    }
}
