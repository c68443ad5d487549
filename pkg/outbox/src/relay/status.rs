use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use underpin_errors::Health;

use crate::{OutboxLag, meters};

/// What a relay knows of itself, shared between its workers and the health check.
#[derive(Debug)]
pub(super) struct RelayStatus {
    state: Mutex<RelayState>,
    lag_warning: Duration,
}

#[derive(Debug, Clone)]
struct RelayState {
    /// The last lag that was read, and when its read began.
    lag: Option<(OutboxLag, Instant)>,
    workers: Vec<WorkerState>,
}

#[derive(Debug, Clone, Default)]
struct WorkerState {
    partitions: usize,
    trouble: Option<Trouble>,
    ended: bool,
}

#[derive(Debug, Clone)]
struct Trouble {
    reason: String,
    /// The row at which the worker stalls, if it is one.
    row: Option<i64>,
    since: Instant,
}

impl RelayStatus {
    pub(super) fn new(workers: usize, lag_warning: Duration) -> Arc<Self> {
        let state = RelayState { lag: None, workers: vec![WorkerState::default(); workers] };
        Arc::new(Self { state: Mutex::new(state), lag_warning })
    }

    /// The part of one worker, counted from zero.
    pub(super) fn worker(self: &Arc<Self>, worker: usize) -> WorkerStatus {
        WorkerStatus { relay: Arc::clone(self), worker }
    }

    /// Every worker has ended.
    pub(super) fn ended(&self) {
        for worker in &mut self.lock().workers {
            (worker.ended, worker.partitions) = (true, 0);
        }
        meters::partitions(0);
    }

    /// Keeps a lag whose read began at this time, unless a later one is known.
    pub(super) fn set_lag(&self, lag: OutboxLag, read_at: Instant) {
        let mut state = self.lock();
        if state.lag.is_none_or(|(_, known)| known <= read_at) {
            state.lag = Some((lag, read_at));
            meters::lag(&lag);
        }
    }

    pub(super) fn health(&self) -> Health {
        let RelayState { lag, workers } = self.lock().clone();
        let (lag, read_at) = lag.unzip();
        let lag = lag.unwrap_or_default();
        let trouble =
            workers.iter().filter_map(|worker| worker.trouble.as_ref()).min_by_key(|trouble| trouble.since);
        let health = if workers.iter().any(|worker| worker.ended) {
            Health::down("the relay has ended")
        } else if let Some(Trouble { reason, row, since }) = trouble {
            // Degraded, not down: the outbox keeps what cannot be published, and a service that refused work because of
            // that would defeat its purpose.
            let health = Health::degraded(reason.clone()).detail("trouble_for_ms", millis(since.elapsed()));
            row.map_or(health.clone(), |row| health.detail("trouble_at_row", row))
        } else if lag.quarantined > 0 {
            Health::degraded("events are in quarantine")
        } else if lag.oldest >= self.lag_warning {
            Health::degraded("events wait for long")
        } else {
            Health::up()
        };
        let partitions = workers.iter().map(|worker| worker.partitions).sum::<usize>();
        health
            .detail("lanes", partitions)
            .detail("lag_age_ms", read_at.map(|read_at| millis(read_at.elapsed())))
            .detail("waiting", lag.waiting)
            .detail("oldest_ms", millis(lag.oldest))
            .detail("blocked_keys", lag.blocked_keys)
            .detail("quarantined", lag.quarantined)
    }

    fn lock(&self) -> MutexGuard<'_, RelayState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The status of one worker.
#[derive(Debug, Clone)]
pub(super) struct WorkerStatus {
    relay: Arc<RelayStatus>,
    worker: usize,
}

impl WorkerStatus {
    /// Whether this worker does what one of them has to do for all.
    pub(super) fn is_first(&self) -> bool {
        self.worker == 0
    }

    pub(super) fn set_partitions(&self, partitions: usize) {
        self.change(|worker| worker.partitions = partitions);
    }

    /// See [`RelayStatus::set_lag`].
    pub(super) fn set_lag(&self, lag: OutboxLag, read_at: Instant) {
        self.relay.set_lag(lag, read_at);
    }

    /// The worker stalls. Returns whether it did not before.
    pub(super) fn stalled(&self, reason: &str, row: Option<i64>) -> bool {
        let mut is_new = false;
        self.change(|worker| {
            is_new = worker.trouble.is_none();
            let since = worker.trouble.as_ref().map_or_else(Instant::now, |known| known.since);
            worker.trouble = Some(Trouble { reason: reason.to_owned(), row, since });
        });
        is_new
    }

    /// The worker goes on. Returns for how long it did not.
    pub(super) fn recovered(&self) -> Option<Duration> {
        let mut trouble = None;
        self.change(|worker| trouble = worker.trouble.take());
        trouble.map(|trouble| trouble.since.elapsed())
    }

    /// Marks the worker as ended when it is dropped.
    pub(super) fn end_guard(&self) -> EndGuard {
        EndGuard(self.clone())
    }

    fn change(&self, change: impl FnOnce(&mut WorkerState)) {
        let partitions = {
            let mut state = self.relay.lock();
            state.workers.get_mut(self.worker).map(change);
            state.workers.iter().map(|worker| worker.partitions).sum()
        };
        meters::partitions(partitions);
    }
}

/// See [`WorkerStatus::end_guard`].
#[derive(Debug)]
pub(super) struct EndGuard(WorkerStatus);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.change(|worker| (worker.ended, worker.partitions) = (true, 0));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
