use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use underpin_journal::SharedSync;
use underpin_logger::{Context, Logger, warn};

use super::settings::MemorySettings;
use super::state::BusState;
use crate::EventsError;

/// What the clones of a bus and its subscriptions share.
pub(super) struct BusInner {
    state: Mutex<BusState>,
    /// Acknowledgements that are not part of the state yet. Without this list handlers and publishers would wait for the same
    /// lock at every event.
    acknowledged: Mutex<Vec<(Arc<str>, u64)>>,
    on_disk: SharedSync,
    pub(super) settings: MemorySettings,
    pub(super) log: Arc<dyn Logger>,
    /// How many dead letters were dropped to keep within the limit.
    pub(super) dead_letters_dropped: AtomicUsize,
}

impl BusInner {
    pub(super) fn new(state: BusState, settings: MemorySettings, log: Arc<dyn Logger>) -> Self {
        Self {
            state: Mutex::new(state),
            acknowledged: Mutex::default(),
            on_disk: SharedSync::default(),
            settings,
            log,
            dead_letters_dropped: AtomicUsize::new(0),
        }
    }

    /// Counts dropped dead letters, and logs the first and then each doubling of their number.
    pub(super) fn record_dropped_dead_letters(&self, count: usize) {
        if count == 0 {
            return;
        }
        metrics::counter!("underpin_events_dead_letters_dropped_total")
            .increment(u64::try_from(count).unwrap_or(u64::MAX));
        let before = self.dead_letters_dropped.fetch_add(count, Ordering::Relaxed);
        let dropped = before.saturating_add(count);
        if before.checked_ilog2() != dropped.checked_ilog2() {
            let limit = self.settings.max_dead_letters;
            let ctx = Context::background();
            warn!(
                self.log,
                &ctx, "dropped the oldest dead letters, to keep within the limit", dropped, limit
            );
        }
    }

    /// Waits until everything published so far counts as stored. All callers that wait at the same time share one `fsync`.
    ///
    /// With `forced`, waits for the disk also where the settings leave that to the operating system.
    pub(super) async fn sync(&self, forced: bool) -> Result<(), EventsError> {
        let point = || match &self.state().journal {
            Some(journal) => journal.sync_point(forced),
            None => Ok(None),
        };
        let synced = self.on_disk.wait(point).await;
        synced.map_err(|failure| {
            if let Some(journal) = &mut self.state().journal {
                journal.fail(&failure);
            }
            EventsError::Unconfirmed { within: Duration::ZERO, source: failure.into() }
        })
    }

    /// The state, with every acknowledgement.
    pub(super) fn state(&self) -> MutexGuard<'_, BusState> {
        let mut state = self.lock();
        self.catch_up(&mut state);
        state
    }

    /// The state without the latest acknowledgements. A panic while the lock was held cannot leave it half changed: no method
    /// of it calls foreign code.
    pub(super) fn lock(&self) -> MutexGuard<'_, BusState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies the latest acknowledgements to the state.
    pub(super) fn catch_up(&self, state: &mut BusState) {
        let acknowledged = std::mem::take(&mut *self.acknowledged());
        for of_one in acknowledged.chunk_by(|(a, _), (b, _)| Arc::ptr_eq(a, b)) {
            if let Some((name, _)) = of_one.first() {
                state.acknowledge(name, of_one.iter().map(|(_, sequence)| *sequence));
            }
        }
    }

    /// Acknowledges an event; `at_once` where the next event waits for that.
    pub(super) fn acknowledge(&self, name: &Arc<str>, sequence: u64, at_once: bool) {
        if at_once || self.settings.journal.is_some() {
            self.state().acknowledge(name, [sequence]);
        } else {
            self.acknowledged().push((Arc::clone(name), sequence));
        }
    }

    fn acknowledged(&self) -> MutexGuard<'_, Vec<(Arc<str>, u64)>> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
