use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use underpin_errors::Health;

/// How far an outbox is behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxLag {
    /// Events that wait to be published, held ones included. Counted up to about 10,000, so that asking stays cheap.
    pub waiting: u64,
    /// The age of the oldest of them; zero when there are none.
    pub oldest: Duration,
    /// Keys whose first event failed and is tried again later.
    pub blocked_keys: u64,
    /// Events in quarantine.
    pub quarantined: u64,
}

/// What a relay knows of itself, shared with those who ask.
#[derive(Debug)]
pub(super) struct Status {
    state: Mutex<State>,
    lag_warning: Duration,
    pub(super) meters: Meters,
}

#[derive(Debug, Clone)]
struct State {
    lag: OutboxLag,
    workers: Vec<WorkerState>,
}

#[derive(Debug, Clone, Default)]
struct WorkerState {
    lanes: usize,
    trouble: Option<Trouble>,
    ended: bool,
}

#[derive(Debug, Clone)]
struct Trouble {
    reason: String,
    /// The row at which the worker stands still, if it is one.
    row: Option<i64>,
    since: Instant,
}

/// One worker's place in the status.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    status: Arc<Status>,
    worker: usize,
}

impl Seat {
    pub(super) fn meters(&self) -> &Meters {
        &self.status.meters
    }

    /// Whether this worker does what one of them has to do for all.
    pub(super) fn is_first(&self) -> bool {
        self.worker == 0
    }

    pub(super) fn lanes(&self, lanes: usize) {
        self.change(|worker| worker.lanes = lanes);
    }

    pub(super) fn lag(&self, lag: OutboxLag) {
        self.status.lag(lag);
    }

    /// Nothing can be done at the moment. Says whether this is news.
    pub(super) fn trouble(&self, reason: &str, row: Option<i64>) -> bool {
        let mut news = false;
        self.change(|worker| {
            news = worker.trouble.is_none();
            let since = worker.trouble.as_ref().map_or_else(Instant::now, |known| known.since);
            worker.trouble = Some(Trouble { reason: reason.to_owned(), row, since });
        });
        news
    }

    /// It goes on. Says for how long it did not.
    pub(super) fn well(&self) -> Option<Duration> {
        let mut trouble = None;
        self.change(|worker| trouble = worker.trouble.take());
        trouble.map(|trouble| trouble.since.elapsed())
    }

    /// Notes when it is dropped that this worker has ended.
    pub(super) fn ends(&self) -> impl Drop + use<> {
        Ends(self.clone())
    }

    fn change(&self, change: impl FnOnce(&mut WorkerState)) {
        let lanes: usize = {
            let mut state = self.status.lock();
            state.workers.get_mut(self.worker).map(change);
            state.workers.iter().map(|worker| worker.lanes).sum()
        };
        self.status.meters.lanes.set(count(lanes as u64));
    }
}

struct Ends(Seat);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.change(|worker| (worker.ended, worker.lanes) = (true, 0));
    }
}

impl Status {
    pub(super) fn new(workers: usize, lag_warning: Duration) -> Arc<Self> {
        let state = State { lag: OutboxLag::default(), workers: vec![WorkerState::default(); workers] };
        Arc::new(Self { state: Mutex::new(state), lag_warning, meters: Meters::new() })
    }

    pub(super) fn seat(self: &Arc<Self>, worker: usize) -> Seat {
        Seat { status: Arc::clone(self), worker }
    }

    fn lag(&self, lag: OutboxLag) {
        self.lock().lag = lag;
        self.meters.waiting.set(count(lag.waiting));
        self.meters.oldest.set(lag.oldest.as_secs_f64());
        self.meters.blocked.set(count(lag.blocked_keys));
        self.meters.quarantined.set(count(lag.quarantined));
    }

    /// Every worker has ended.
    pub(super) fn ended(&self) {
        for worker in &mut self.lock().workers {
            (worker.ended, worker.lanes) = (true, 0);
        }
        self.meters.lanes.set(0.0);
    }

    pub(super) fn health(&self) -> Health {
        let State { lag, workers } = self.lock().clone();
        let trouble =
            workers.iter().filter_map(|worker| worker.trouble.as_ref()).min_by_key(|trouble| trouble.since);
        let health = if workers.iter().any(|worker| worker.ended) {
            Health::down("the relay has ended")
        } else if let Some(Trouble { reason, row, since }) = trouble {
            // Degraded, not down: the outbox keeps what cannot be published, and a service that takes no more work
            // because of that would defeat its purpose.
            let health = Health::degraded(reason.clone()).detail("trouble_for_ms", millis(since.elapsed()));
            row.map_or(health.clone(), |row| health.detail("trouble_at_row", row))
        } else if lag.quarantined > 0 {
            Health::degraded("events are in quarantine")
        } else if lag.oldest >= self.lag_warning {
            Health::degraded("events wait for long")
        } else {
            Health::up()
        };
        health
            .detail("lanes", workers.iter().map(|worker| worker.lanes).sum::<usize>())
            .detail("waiting", lag.waiting)
            .detail("oldest_ms", millis(lag.oldest))
            .detail("blocked_keys", lag.blocked_keys)
            .detail("quarantined", lag.quarantined)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What relays report through the `metrics` facade.
pub(super) struct Meters {
    pub(super) published: Counter,
    pub(super) duplicates: Counter,
    pub(super) failures: Counter,
    pub(super) quarantines: Counter,
    pub(super) outages: Counter,
    pub(super) wait: Histogram,
    lanes: Gauge,
    waiting: Gauge,
    oldest: Gauge,
    blocked: Gauge,
    quarantined: Gauge,
}

impl Meters {
    fn new() -> Self {
        Self {
            published: counter!("underpin_outbox_published_total"),
            duplicates: counter!("underpin_outbox_duplicates_total"),
            failures: counter!("underpin_outbox_failures_total"),
            quarantines: counter!("underpin_outbox_quarantines_total"),
            outages: counter!("underpin_outbox_outages_total"),
            wait: histogram!("underpin_outbox_wait_seconds"),
            lanes: gauge!("underpin_outbox_lanes"),
            waiting: gauge!("underpin_outbox_waiting"),
            oldest: gauge!("underpin_outbox_oldest_seconds"),
            blocked: gauge!("underpin_outbox_blocked_keys"),
            quarantined: gauge!("underpin_outbox_quarantined"),
        }
    }
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meters").finish_non_exhaustive()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and counts beyond 2^52 do not occur")]
fn count(count: u64) -> f64 {
    count as f64
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
