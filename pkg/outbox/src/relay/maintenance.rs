use std::time::{Duration, Instant};

use super::status::WorkerStatus;
use super::store::Store;
use crate::OutboxError;

/// Kept events that are deleted in one statement.
const SWEEP: u32 = 5_000;
/// How long one run may take for that.
const SWEEP_FOR: Duration = Duration::from_millis(500);

/// Reads the lag, and deletes kept events that are old enough, as many as fit into the time.
pub(super) async fn run_maintenance(
    store: &Store,
    status: &WorkerStatus,
    keep: Option<Duration>,
) -> Result<(), OutboxError> {
    let read_at = Instant::now();
    status.set_lag(store.lag().await?, read_at);
    let Some(keep) = keep else { return Ok(()) };
    let until = Instant::now() + SWEEP_FOR;
    while store.sweep_sent(keep, SWEEP).await? == u64::from(SWEEP) && Instant::now() < until {}
    Ok(())
}
