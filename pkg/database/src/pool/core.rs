use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Notify, Semaphore, mpsc};
use underpin_logger::Logger;

use super::{
    idle::Idle,
    janitor::{Chore, Job},
    open::Opener,
    side::Side,
    slot::{OpenCount, Slot},
    stats::{Counters, PoolStats},
    writers::Writers,
};
use crate::{
    Backend,
    settings::{DatabaseSettings, Route},
};

/// The pool itself. A caller holds a seat before it holds a connection, and seats are handed out in the order of asking;
/// a seat is free again when its guard is dropped, so none is ever lost to a caller that went away.
///
/// A connection is either idle or belongs to a seat, and one is only opened when none is idle: there are never more than
/// there are seats.
pub(crate) struct Core {
    pub(super) seats: Semaphore,
    idle: Mutex<Idle>,
    pub(crate) opener: Opener,
    pub(super) open: Arc<OpenCount>,
    pub(super) counters: Counters,
    pub(super) side: Side,
    pub(super) writers: Writers,
    pub(crate) settings: DatabaseSettings,
    pub(crate) log: Arc<dyn Logger>,
    pub(super) max_open: u32,
    closed: AtomicBool,
    close_bell: Notify,
    started: Instant,
    /// Milliseconds from `started` to the last time a connection was found broken.
    lost_at: AtomicU64,
    pub(super) janitor: mpsc::UnboundedSender<Job>,
}

impl Core {
    pub(super) fn new(
        settings: DatabaseSettings,
        opener: Opener,
        log: Arc<dyn Logger>,
        janitor: mpsc::UnboundedSender<Job>,
    ) -> Self {
        // A database in memory is its one connection: it has no second one, no age and no surplus.
        let one_writer = opener.target().backend() == Backend::Sqlite && !opener.target().is_memory();
        let max_open = if opener.target().is_memory() { 1 } else { settings.max_open };
        Self {
            seats: Semaphore::new(max_open as usize),
            idle: Mutex::default(),
            open: Arc::default(),
            counters: Counters::default(),
            side: Side::default(),
            writers: Writers::new(one_writer, settings.acquire_timeout),
            max_open,
            closed: AtomicBool::new(false),
            close_bell: Notify::new(),
            started: Instant::now(),
            lost_at: AtomicU64::new(0),
            opener,
            settings,
            log,
            janitor,
        }
    }

    pub(super) fn adopt(&self, connection: crate::driver::Connection) -> Slot {
        let lifetime =
            if self.opener.target().is_memory() { Duration::ZERO } else { self.settings.max_lifetime };
        Slot::new(connection, lifetime, &self.open)
    }

    /// One connection broke: those that have not been used since are asked before they are handed out, so that a server
    /// that restarted costs an error for each statement under way and none for the idle.
    pub(crate) fn note_loss(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.lost_at.fetch_max(now.saturating_add(1), Ordering::Relaxed);
    }

    pub(super) fn suspects(&self, slot: &Slot) -> bool {
        let lost_at = self.lost_at.load(Ordering::Relaxed);
        lost_at != 0 && slot.used <= self.started + Duration::from_millis(lost_at)
    }

    /// Unused for so long, or since before a loss, that it is asked before it is handed out.
    pub(super) fn is_doubtful(&self, slot: &Slot, now: Instant) -> bool {
        now.saturating_duration_since(slot.used) >= self.settings.check_after || self.suspects(slot)
    }

    pub(super) fn put_idle(&self, mut slot: Slot, now: Instant) {
        slot.used = now;
        slot.turn = None;
        if self.is_closed() || slot.is_old(now) {
            self.retire(slot);
        } else {
            self.idle().put(slot);
            // `close` may have emptied the list in between.
            if self.is_closed() {
                self.retire_all_idle();
            }
        }
    }

    /// Closes a connection in the background.
    pub(super) fn retire(&self, slot: Slot) {
        self.counters.retired();
        // Without a janitor the connection is dropped with the message, which closes the socket.
        drop(self.janitor.send(Job::new(slot, None, Chore::Close)));
    }

    pub(super) fn retire_all_idle(&self) {
        let slots = std::mem::take(&mut self.idle().slots);
        for slot in slots {
            self.retire(slot);
        }
    }

    /// Closes what would have to be asked whether it is alive.
    pub(super) fn retire_doubtful(&self, now: Instant) {
        if self.opener.target().is_memory() {
            return;
        }
        let doubtful: VecDeque<Slot> = {
            let idle = &mut self.idle().slots;
            let (doubtful, kept) =
                std::mem::take(idle).into_iter().partition(|slot| self.is_doubtful(slot, now));
            *idle = kept;
            doubtful
        };
        for slot in doubtful {
            self.retire(slot);
        }
    }

    /// Closes what is old, and of what is more than `max_idle` that which was unused for too long.
    pub(super) fn retire_surplus(&self, now: Instant) {
        if self.opener.target().is_memory() {
            return;
        }
        let mut retired = Vec::new();
        {
            let idle = &mut self.idle().slots;
            let mut surplus = idle.len().saturating_sub(self.settings.max_idle as usize);
            let limit = self.settings.idle_timeout;
            let mut kept = VecDeque::with_capacity(idle.len());
            for slot in idle.drain(..) {
                if slot.is_old(now) {
                    surplus = surplus.saturating_sub(1);
                    retired.push(slot);
                } else if surplus > 0 && now.duration_since(slot.used) >= limit {
                    surplus -= 1;
                    retired.push(slot);
                } else {
                    kept.push_back(slot);
                }
            }
            *idle = kept;
        }
        for slot in retired {
            self.retire(slot);
        }
    }

    /// How long the answer to a statement is waited for. SQLite answers from within the process.
    pub(super) fn answer_limit(&self) -> Option<Duration> {
        match self.opener.target().backend() {
            Backend::Postgres => super::lease::answer_limit(self.settings.statement_timeout),
            Backend::Sqlite => None,
        }
    }

    /// Whether a statement sent alone needs a transaction around it; see [`Lease::pin`].
    pub(super) fn pins_statements(&self) -> bool {
        self.settings.route == Route::TransactionPooler && self.opener.target().backend() == Backend::Postgres
    }

    pub(super) fn stats(&self) -> PoolStats {
        let open = self.open.get();
        PoolStats {
            max_open: self.max_open,
            open,
            // Counted at another instant.
            idle: self.idle().slots.len().min(open),
            in_use: (self.max_open as usize).saturating_sub(self.seats.available_permits()),
            ..self.counters.snapshot()
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Lets nobody in any more and closes what is idle.
    pub(super) fn shut(&self) {
        self.closed.store(true, Ordering::Release);
        self.seats.close();
        self.close_bell.notify_waiters();
        self.retire_all_idle();
    }

    /// Ends when the pool is closed.
    #[cfg(feature = "postgres")]
    pub(crate) async fn closing(&self) {
        let rung = self.close_bell.notified();
        if !self.is_closed() {
            rung.await;
        }
    }

    pub(super) fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
