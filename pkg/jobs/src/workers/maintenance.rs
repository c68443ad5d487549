use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use underpin_logger::{Context, info, warn};

use super::shared::Shared;
use crate::store::RescueOutcome;
use crate::{JobsError, meters};

/// Rows that one statement sweeps.
const SWEEP: u32 = 1000;

/// Keeps the leases of the running attempts. Separate from [`maintain`], whose statements may take longer than a lease.
pub(super) async fn keep(shared: Arc<Shared>) -> Infallible {
    let mut ticks = every(shared.settings.lease / 4);
    loop {
        ticks.tick().await;
        if let Err(error) = keep_leases(&shared).await {
            shared.failed("cannot extend the leases, trying again", &error);
        }
    }
}

/// Writes progress, rescues lost jobs, counts and sweeps. Without attempts it asks the store every 15 seconds.
pub(super) async fn maintain(shared: Arc<Shared>) -> Infallible {
    let mut progress = every(Duration::from_secs(1));
    let mut rescue = every(shared.settings.lease / 2);
    let mut count = every(Duration::from_secs(15));
    let mut sweep = every(Duration::from_secs(60));
    loop {
        let result = tokio::select! {
            _ = progress.tick() => write_progress(&shared).await,
            _ = rescue.tick() => rescue_lost(&shared).await,
            _ = count.tick() => read_queues(&shared).await,
            _ = sweep.tick() => delete_old(&shared).await,
        };
        if let Err(error) = result {
            shared.failed("cannot maintain jobs, trying again", &error);
        }
    }
}

/// Ticks at once, and then with that pause at least.
fn every(pause: Duration) -> Interval {
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
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
                    shared.runner.log,
                    &Context::background(),
                    "a job was lost too often and is dead",
                    kind,
                    job_id = id
                );
            }
            _ => {
                info!(shared.runner.log, &Context::background(), "a lost job was rescued", kind, job_id = id);
            }
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
