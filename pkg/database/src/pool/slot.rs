use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rand::RngExt as _;
use tokio::sync::Notify;

use super::{answer::AnswerTimer, writers::Turn};
use crate::driver::Connection;

/// A connection of the pool with what the pool knows about it.
pub(super) struct Slot {
    pub(super) connection: Connection,
    /// When it is to be replaced.
    ends: Option<Instant>,
    /// When it was last given back.
    pub(super) used: Instant,
    /// Prepared statements of it no longer fit their tables.
    pub(super) stale_plans: bool,
    pub(super) answer_timer: AnswerTimer,
    /// Among the writers of a SQLite file.
    pub(super) turn: Option<Turn>,
    _counted: Counted,
}

impl Slot {
    pub(super) fn new(connection: Connection, max_lifetime: Duration, count: &Arc<OpenCount>) -> Self {
        let now = Instant::now();
        // Up to 10% earlier, so that connections opened together do not end together.
        let lifetime = max_lifetime.mul_f64(1.0 - 0.1 * rand::rng().random::<f64>());
        let ends = if max_lifetime.is_zero() { None } else { now.checked_add(lifetime) };
        Self {
            connection,
            ends,
            used: now,
            stale_plans: false,
            answer_timer: AnswerTimer::default(),
            turn: None,
            _counted: Counted::new(count),
        }
    }

    pub(super) fn is_old(&self, now: Instant) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }
}

/// How many connections are open, and a bell for when there are none left.
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
            let rung = self.none_left.notified();
            if self.get() == 0 {
                return;
            }
            rung.await;
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
