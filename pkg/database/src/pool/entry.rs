use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rand::RngExt as _;
use tokio::sync::Notify;

use super::{reply_timeout::ReplyTimeout, writers::WriterPermit};
use crate::driver::Connection;

/// A connection of the pool with what the pool knows about it.
pub(super) struct PooledConnection {
    pub(super) connection: Connection,
    /// When it is to be replaced.
    expires_at: Option<Instant>,
    /// When it was last given back.
    pub(super) used_at: Instant,
    /// Prepared statements of it no longer fit their tables, or the server has forgotten them.
    pub(super) stale_plans: bool,
    pub(super) reply_timeout: ReplyTimeout,
    /// Held while it writes to a SQLite file.
    pub(super) writer: Option<WriterPermit>,
    _counted: Counted,
}

impl PooledConnection {
    /// A lifetime of zero has no end.
    pub(super) fn new(connection: Connection, max_lifetime: Duration, count: &Arc<OpenCount>) -> Self {
        let now = Instant::now();
        // Up to 10% earlier, so that connections opened together do not end together.
        let lifetime = max_lifetime.mul_f64(1.0 - 0.1 * rand::rng().random::<f64>());
        let expires_at = if max_lifetime.is_zero() { None } else { now.checked_add(lifetime) };
        Self {
            connection,
            expires_at,
            used_at: now,
            stale_plans: false,
            reply_timeout: ReplyTimeout::default(),
            writer: None,
            _counted: Counted::new(count),
        }
    }

    pub(super) fn is_expired(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}

/// How many connections are open, and a notification when the last one is closed.
#[derive(Default)]
pub(super) struct OpenCount {
    open: AtomicUsize,
    none_left: Notify,
}

impl OpenCount {
    pub(super) fn get(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Waits until no connection is open.
    pub(super) async fn none(&self) {
        loop {
            let notified = self.none_left.notified();
            if self.get() == 0 {
                return;
            }
            notified.await;
        }
    }
}

/// Counts a connection for as long as it exists, however it ends.
struct Counted(Arc<OpenCount>);

impl Counted {
    fn new(count: &Arc<OpenCount>) -> Self {
        count.open.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none_left.notify_waiters();
        }
    }
}
