use std::time::Duration;

use tokio::time::Instant;

use super::store::Store;
use crate::OutboxError;

/// Kept events that are deleted in one statement.
const SWEEP: u32 = 5_000;
/// How long one run may take for that.
const SWEEP_FOR: Duration = Duration::from_millis(500);

/// Deletes kept events that are old enough, as many as fit into the time.
pub(super) async fn sweep_sent(store: &Store, keep: Duration) -> Result<(), OutboxError> {
    let until = Instant::now() + SWEEP_FOR;
    while store.sweep_sent(keep, SWEEP).await? == u64::from(SWEEP) && Instant::now() < until {}
    Ok(())
}
