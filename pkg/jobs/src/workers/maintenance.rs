use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use underpin_logger::{Context, info, warn};

use super::shared::Shared;
use crate::store::RescueOutcome;
use crate::{JobsError, meters};

/// Rows that one statement sweeps.
const SWEEP: u32 = 1000;

/// Keeps the leases of the running attempts. Separate from [`maintain`], whose statements may take longer than a lease.
pub(super) async fn keep(shared: Arc<Shared>) -> Infallible {
    let mut ticks = interval(shared.settings.lease / 4);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = keep_leases(&shared).await {
            shared.failed("cannot extend the leases, trying again", &error);
        }
    }
}

/// Writes progress, rescues lost jobs, counts and sweeps. Without attempts it asks the store every 15 seconds.
pub(super) async fn maintain(shared: Arc<Shared>) -> Infallible {
    let lease = shared.settings.lease;
    let mut rescue = Every::new(lease / 2);
    let mut count = Every::new(Duration::from_secs(15));
    let mut sweep = Every::new(Duration::from_secs(60));
    // At most once a second, and often enough for the shortest lease.
    let mut ticks = interval(Duration::from_secs(1).min(lease / 8));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut progress = Every::new(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        let mut result = Ok(());
        if progress.is_due() {
            result = result.and(write_progress(&shared).await);
        }
        if rescue.is_due() {
            result = result.and(rescue_lost(&shared).await);
        }
        if count.is_due() {
            result = result.and(read_queues(&shared).await);
        }
        if sweep.is_due() {
            result = result.and(delete_old(&shared).await);
        }
        if let Err(error) = result {
            shared.failed("cannot maintain jobs, trying again", &error);
        }
    }
}

/// Something that is due at intervals, for the first time at once.
struct Every {
    period: Duration,
    next: Instant,
}

impl Every {
    fn new(period: Duration) -> Self {
        Self { period, next: Instant::now() }
    }

    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let due = now >= self.next;
        if due {
            self.next = now + self.period;
        }
        due
    }
}

async fn keep_leases(shared: &Shared) -> Result<(), JobsError> {
    let runs = shared.in_flight.runs();
    if !runs.is_empty() {
        let beats = shared.store.heartbeat(&runs, shared.settings.lease).await?;
        shared.in_flight.heard(&runs, &beats);
    }
    let counts = shared.in_flight.counts();
    shared.routes.queues().for_each(|queue| meters::running(queue, counts.of_queue(queue)));
    Ok(())
}

async fn write_progress(shared: &Shared) -> Result<(), JobsError> {
    let reports = shared.in_flight.take_progress();
    if reports.is_empty() {
        return Ok(());
    }
    shared.store.progress(&reports).await
}

async fn rescue_lost(shared: &Shared) -> Result<(), JobsError> {
    let rescued = shared.store.rescue(&shared.routes.known(), shared.settings.rescues).await?;
    for rescue in &rescued {
        meters::rescued(&rescue.kind);
        let (kind, id) = (rescue.kind.as_str(), rescue.job.to_string());
        match rescue.outcome {
            RescueOutcome::Dead => {
                warn!(
                    shared.log,
                    &Context::background(),
                    "a job was lost too often and is dead",
                    kind,
                    job_id = id
                );
            }
            _ => info!(shared.log, &Context::background(), "a lost job was rescued", kind, job_id = id),
        }
    }
    if !rescued.is_empty() {
        shared.wake.notify();
    }
    Ok(())
}

async fn read_queues(shared: &Shared) -> Result<(), JobsError> {
    let queues = shared.store.queues().await?;
    let before = shared.status.set_queues(queues.clone());
    meters::queues(&before, &queues);
    Ok(())
}

async fn delete_old(shared: &Shared) -> Result<(), JobsError> {
    // Rescue and progress take turns with a long backlog of history.
    let end = Instant::now() + shared.settings.lease / 8;
    while shared.store.sweep(shared.settings.keep_history, SWEEP).await? >= u64::from(SWEEP)
        && Instant::now() < end
    {}
    Ok(())
}
