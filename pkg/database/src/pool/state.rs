use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

#[cfg(feature = "postgres")]
use tokio::sync::Notify;
use underpin_logger::Logger;

use super::{
    control::ControlConnection,
    counters::Counters,
    entry::{OpenCount, PooledConnection},
    idle::IdleQueue,
    open::Opener,
    permit::Permits,
    reply_timeout,
    retire::{MaintenanceAction, RetireSender},
    stats::PoolStats,
    writers::Writers,
};
use crate::{
    Backend,
    driver::Connection,
    settings::{DatabaseSettings, PoolingMode},
};

/// The shared state of a pool. A caller holds a permit before it holds a connection, and permits are handed out in the order
/// of asking.
///
/// A connection is either idle or belongs to a permit, and one is only opened when none is idle: there are never more
/// connections than permits.
pub(crate) struct PoolState {
    pub(super) permits: Permits,
    pub(super) idle: Arc<IdleQueue>,
    pub(crate) opener: Opener,
    pub(super) open: Arc<OpenCount>,
    pub(super) counters: Counters,
    pub(super) control: Arc<ControlConnection>,
    pub(super) writers: Writers,
    pub(super) retired: RetireSender,
    pub(crate) settings: DatabaseSettings,
    pub(crate) log: Arc<dyn Logger>,
    closed: AtomicBool,
    #[cfg(feature = "postgres")]
    closing: Notify,
    started_at: Instant,
    /// Milliseconds from `started_at` to the last time a connection was found broken.
    lost_at: AtomicU64,
}

impl PoolState {
    pub(super) fn new(
        settings: DatabaseSettings,
        opener: Opener,
        log: Arc<dyn Logger>,
        retired: RetireSender,
    ) -> Self {
        // A database in memory is its one connection: it has no second one, no age and no surplus.
        let is_memory = opener.target().is_memory();
        let one_writer = opener.target().backend() == Backend::Sqlite && !is_memory;
        Self {
            permits: Permits::new(if is_memory { 1 } else { settings.max_open }),
            idle: Arc::default(),
            open: Arc::default(),
            counters: Counters::default(),
            control: Arc::new(ControlConnection::new(opener.target().clone())),
            writers: Writers::new(one_writer, settings.acquire_timeout),
            retired,
            closed: AtomicBool::new(false),
            #[cfg(feature = "postgres")]
            closing: Notify::new(),
            started_at: Instant::now(),
            lost_at: AtomicU64::new(0),
            opener,
            settings,
            log,
        }
    }

    pub(super) fn adopt(&self, connection: Connection) -> PooledConnection {
        let lifetime = if self.is_memory() { Duration::ZERO } else { self.settings.max_lifetime };
        PooledConnection::new(connection, lifetime, &self.open)
    }

    pub(crate) fn is_memory(&self) -> bool {
        self.opener.target().is_memory()
    }

    /// One connection broke: those that have not been used since are pinged before they are lent, so that a server that
    /// restarted costs an error for each statement in flight and none for the idle connections.
    pub(crate) fn note_loss(&self) {
        let now = u64::try_from(self.started_at.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.lost_at.fetch_max(now.saturating_add(1), Ordering::Relaxed);
    }

    /// Unused for so long, or since before a loss, that it is pinged before it is lent.
    pub(super) fn needs_check(&self, entry: &PooledConnection, now: Instant) -> bool {
        now.saturating_duration_since(entry.used_at) >= self.settings.check_after || self.predates_loss(entry)
    }

    fn predates_loss(&self, entry: &PooledConnection) -> bool {
        let lost_at = self.lost_at.load(Ordering::Relaxed);
        lost_at != 0 && entry.used_at <= self.started_at + Duration::from_millis(lost_at)
    }

    pub(super) fn put_idle(&self, mut entry: PooledConnection, now: Instant) {
        entry.used_at = now;
        entry.writer = None;
        if entry.is_expired(now) {
            self.retire(entry);
        } else if let Err(entry) = self.idle.put(entry) {
            self.retire(entry);
        }
    }

    /// Closes a connection in the background.
    pub(super) fn retire(&self, entry: PooledConnection) {
        self.counters.retired();
        self.retired.send(entry, None, MaintenanceAction::Close { cancel: false });
    }

    /// Closes the idle connections that would have to be pinged.
    pub(super) fn retire_unchecked(&self, now: Instant) {
        if !self.is_memory() {
            self.retire_all(self.idle.remove(|entry| self.needs_check(entry, now)));
        }
    }

    /// Closes the idle connections that are expired, and of those above `max_idle` the ones unused for `idle_timeout`.
    pub(super) fn retire_surplus(&self, now: Instant) {
        if self.is_memory() {
            return;
        }
        let mut surplus = self.idle.len().saturating_sub(self.settings.max_idle as usize);
        let removed = self.idle.remove(|entry| {
            let is_expired = entry.is_expired(now);
            let is_unused = now.saturating_duration_since(entry.used_at) >= self.settings.idle_timeout;
            let is_removed = is_expired || (surplus > 0 && is_unused);
            if is_removed {
                surplus = surplus.saturating_sub(1);
            }
            is_removed
        });
        self.retire_all(removed);
    }

    fn retire_all(&self, entries: impl IntoIterator<Item = PooledConnection>) {
        for entry in entries {
            self.retire(entry);
        }
    }

    /// How long the reply to a statement is waited for. SQLite answers from within the process.
    pub(super) fn reply_limit(&self) -> Option<Duration> {
        match self.opener.target().backend() {
            Backend::Postgres => reply_timeout::limit(self.settings.statement_timeout),
            Backend::Sqlite => None,
        }
    }

    /// Whether a statement sent alone needs a transaction around it: the driver sends it in two parts, and behind a
    /// transaction pooler another server session may be lent in between. There the second part meets no statement, or the
    /// unnamed statement of another client.
    pub(super) fn wraps_statements(&self) -> bool {
        self.settings.pooling_mode == PoolingMode::TransactionPooler
            && self.opener.target().backend() == Backend::Postgres
    }

    pub(super) fn stats(&self) -> PoolStats {
        let open = self.open.get();
        PoolStats {
            max_open: self.permits.max(),
            open,
            // Counted at another instant.
            idle: self.idle.len().min(open),
            in_use: self.permits.in_use(),
            ..self.counters.snapshot()
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Rejects new acquires and closes what is idle.
    pub(super) fn shut(&self) {
        self.closed.store(true, Ordering::Release);
        self.permits.close();
        #[cfg(feature = "postgres")]
        self.closing.notify_waiters();
        self.retire_all(self.idle.close());
    }

    /// Ends when the pool is closed.
    #[cfg(feature = "postgres")]
    pub(crate) async fn closing(&self) {
        let notified = self.closing.notified();
        if !self.is_closed() {
            notified.await;
        }
    }
}
