use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use underpin_errors::Health;

use super::routes::Routes;
use crate::QueueStatus;

/// What workers tell their health check.
#[derive(Debug)]
pub(super) struct WorkersStatus {
    /// Cancelled when the workers have ended.
    pub(super) ended: CancellationToken,
    state: Mutex<State>,
    lag_warning: Duration,
}

#[derive(Debug, Default)]
struct State {
    failing_since: Option<Instant>,
    queues: Vec<QueueStatus>,
    read_at: Option<Instant>,
}

impl WorkersStatus {
    pub(super) fn new(lag_warning: Duration) -> Self {
        Self { ended: CancellationToken::new(), state: Mutex::default(), lag_warning }
    }

    /// A call of the store failed; `true` for the first in a row.
    pub(super) fn failed(&self) -> bool {
        let mut state = self.state();
        let first = state.failing_since.is_none();
        state.failing_since.get_or_insert_with(Instant::now);
        first
    }

    /// A call of the store succeeded; returns for how long they had failed.
    pub(super) fn recovered(&self) -> Option<Duration> {
        self.state().failing_since.take().map(|since| since.elapsed())
    }

    /// Returns the queues as they were read before.
    pub(super) fn set_queues(&self, queues: Vec<QueueStatus>) -> Vec<QueueStatus> {
        let mut state = self.state();
        state.read_at = Some(Instant::now());
        std::mem::replace(&mut state.queues, queues)
    }

    pub(super) fn health(&self, routes: &Routes, running: usize) -> Health {
        let state = self.state();
        let known = routes.known();
        let ours: Vec<&QueueStatus> =
            state.queues.iter().filter(|status| routes.queues().any(|queue| queue == status.queue)).collect();
        let is_known = |status: &QueueStatus| {
            known.iter().any(|known| known.kind == status.kind && status.version <= known.version)
        };
        let unknown: u64 = ours.iter().filter(|status| !is_known(status)).map(|status| status.ready).sum();
        let waiting = ours.iter().filter(|status| is_known(status) && !status.paused);
        let oldest = waiting.map(|status| status.oldest).max().unwrap_or_default();
        let health = if self.ended.is_cancelled() {
            Health::down("the workers have ended")
        } else if let Some(since) = state.failing_since {
            Health::degraded("the store of the jobs fails").detail("failing_ms", millis(since.elapsed()))
        } else if oldest > self.lag_warning {
            Health::degraded("jobs wait for too long")
        } else {
            Health::up()
        };
        let sum = |of: fn(&QueueStatus) -> u64| ours.iter().map(|status| of(status)).sum::<u64>();
        let health = health
            .detail("running", running)
            .detail("ready", sum(|status| status.ready))
            .detail("dead", sum(|status| status.dead))
            .detail("unknown", unknown)
            .detail("oldest_ms", millis(oldest));
        match state.read_at {
            Some(read_at) => health.detail("lag_age_ms", millis(read_at.elapsed())),
            None => health,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
