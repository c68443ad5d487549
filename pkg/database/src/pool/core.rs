use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Notify, Semaphore, TryAcquireError, mpsc};
use underpin_logger::Logger;

use super::{
    janitor::{Chore, Job},
    lease::Lease,
    open::Opener,
    slot::{OpenCount, Slot},
    stats::Counters,
};
use crate::{
    Backend, Condition, DatabaseError,
    settings::{DatabaseSettings, Route},
};

/// The pool itself. A caller holds a seat before it holds a connection, and seats are handed out in the order of asking;
/// a seat is free again when its guard is dropped, so none is ever lost to a caller that went away.
///
/// A connection is either idle or belongs to a seat, and one is only opened when none is idle: there are never more than
/// there are seats.
pub(crate) struct Core {
    pub(super) seats: Semaphore,
    /// The most recently used last: what is surplus ages at the front.
    idle: Mutex<VecDeque<Slot>>,
    pub(crate) opener: Opener,
    pub(super) open: Arc<OpenCount>,
    pub(super) counters: Counters,
    pub(crate) settings: DatabaseSettings,
    pub(crate) log: Arc<dyn Logger>,
    pub(super) max_open: u32,
    closed: AtomicBool,
    close_bell: Notify,
    started: Instant,
    /// Milliseconds from `started` to the last time a connection was found broken.
    lost_at: AtomicU64,
    janitor: mpsc::UnboundedSender<Job>,
}

impl Core {
    pub(super) fn new(
        settings: DatabaseSettings,
        opener: Opener,
        log: Arc<dyn Logger>,
        janitor: mpsc::UnboundedSender<Job>,
    ) -> Self {
        // A database in memory is its one connection: it has no second one, no age and no surplus.
        let max_open = if opener.target().is_memory() { 1 } else { settings.max_open };
        Self {
            seats: Semaphore::new(max_open as usize),
            idle: Mutex::default(),
            open: Arc::default(),
            counters: Counters::default(),
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

    /// Waits for a seat and a connection that lives; says how long that took.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Result<(Lease, Duration), DatabaseError> {
        let asked = Instant::now();
        let seat = match self.seats.try_acquire() {
            Ok(permit) => Seat::new(self, permit),
            Err(TryAcquireError::Closed) => return Err(DatabaseError::new(Condition::Closed)),
            Err(TryAcquireError::NoPermits) => self.wait_for_seat().await?,
        };
        let lease = match self.fit_idle().await {
            Some(slot) => Lease::new(slot, seat),
            None => Lease::new(self.open_slot(asked).await?, seat),
        };
        let waited = asked.elapsed();
        self.counters.waited(waited);
        Ok((lease, waited))
    }

    async fn wait_for_seat(self: &Arc<Self>) -> Result<Seat, DatabaseError> {
        let _waiting = self.counters.waiting();
        match tokio::time::timeout(self.settings.acquire_timeout, self.seats.acquire()).await {
            Ok(Ok(permit)) => Ok(Seat::new(self, permit)),
            Ok(Err(_closed)) => Err(DatabaseError::new(Condition::Closed)),
            Err(_elapsed) => {
                self.counters.timed_out();
                Err(match self.opener.last_failure() {
                    // Everyone who has a seat waits for a server that is not there: that is the cause, not the queue.
                    Some(cause) => DatabaseError::because(
                        Condition::Unreachable,
                        "no connection became free in time, and none can be opened",
                        cause,
                    ),
                    None => DatabaseError::said(Condition::Saturated, "no connection became free in time"),
                })
            }
        }
    }

    /// The most recently used idle connection that is young enough and alive.
    async fn fit_idle(&self) -> Option<Slot> {
        loop {
            let mut slot = self.idle().pop_back()?;
            let now = Instant::now();
            if slot.is_old(now) {
                self.retire(slot);
                continue;
            }
            if now.duration_since(slot.used) < self.settings.check_after && !self.suspects(&slot) {
                return Some(slot);
            }
            if self.is_alive(&mut slot).await {
                return Some(slot);
            }
            self.counters.found_dead();
        }
    }

    async fn is_alive(&self, slot: &mut Slot) -> bool {
        let limit = self.settings.connect_timeout.min(self.settings.acquire_timeout / 2);
        matches!(tokio::time::timeout(limit, slot.connection.ping()).await, Ok(Ok(())))
    }

    async fn open_slot(&self, asked: Instant) -> Result<Slot, DatabaseError> {
        let left = self.settings.acquire_timeout.saturating_sub(asked.elapsed());
        let connection = self.opener.open_within(left, self.settings.connect_timeout).await?;
        self.counters.opened();
        Ok(self.adopt(connection))
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

    fn suspects(&self, slot: &Slot) -> bool {
        let lost_at = self.lost_at.load(Ordering::Relaxed);
        lost_at != 0 && slot.used <= self.started + Duration::from_millis(lost_at)
    }

    pub(super) fn put_idle(&self, mut slot: Slot) {
        let now = Instant::now();
        slot.used = now;
        if self.is_closed() || slot.is_old(now) {
            self.retire(slot);
        } else {
            self.idle().push_back(slot);
            // `close` may have emptied the list in between.
            if self.is_closed() {
                self.retire_all_idle();
            }
        }
    }

    /// Closes a connection in the background.
    fn retire(&self, slot: Slot) {
        self.counters.retired();
        // Without a janitor the connection is dropped with the message, which closes the socket.
        drop(self.janitor.send(Job::new(slot, None, Chore::Close)));
    }

    pub(super) fn retire_all_idle(&self) {
        let slots = std::mem::take(&mut *self.idle());
        for slot in slots {
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
            let mut idle = self.idle();
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
        match (self.opener.target().backend(), self.settings.route) {
            (Backend::Postgres, Route::Direct) => super::lease::answer_limit(self.settings.statement_timeout),
            _ => None,
        }
    }

    /// Whether a statement sent alone needs a transaction around it; see [`Lease::pin`].
    pub(super) fn pins_statements(&self) -> bool {
        self.settings.route == Route::TransactionPooler && self.opener.target().backend() == Backend::Postgres
    }

    pub(super) fn idle_count(&self) -> usize {
        self.idle().len()
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

    fn idle(&self) -> MutexGuard<'_, VecDeque<Slot>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to one connection. Dropping it lets the next caller in.
pub(crate) struct Seat(Arc<Core>);

impl Seat {
    fn new(core: &Arc<Core>, permit: tokio::sync::SemaphorePermit<'_>) -> Self {
        permit.forget();
        Self(Arc::clone(core))
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.0
    }

    pub(super) fn give_back(self, slot: Slot) {
        self.0.put_idle(slot);
    }

    /// The seat stays taken until the janitor is done: what the server still works on counts.
    pub(super) fn hand_to_janitor(self, slot: Slot, chore: Chore) {
        let janitor = self.0.janitor.clone();
        drop(janitor.send(Job::new(slot, Some(self), chore)));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.seats.add_permits(1);
    }
}
