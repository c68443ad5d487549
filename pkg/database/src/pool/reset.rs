use std::time::Duration;

use super::{control::ControlConnection, counters::Counters, entry::PooledConnection};

/// How long a statement whose caller went away may go on by itself: most end within it.
const CANCEL_AFTER: Duration = Duration::from_millis(50);

/// Makes a connection fit for the next caller: waits for the statement that was dropped half-way, asks the server to cancel
/// one that runs for longer, and rolls back what may be open.
///
/// The caller puts a limit around it.
pub(super) async fn reset(
    control: &ControlConnection,
    counters: &Counters,
    entry: &mut PooledConnection,
    roll_back: bool,
) -> sqlx::Result<()> {
    if let Some(identity) = entry.connection.identity().cloned() {
        if let Ok(reset) = tokio::time::timeout(CANCEL_AFTER, entry.connection.reset(roll_back)).await {
            return reset;
        }
        if control.cancel(&identity).await {
            counters.cancelled();
        }
    }
    entry.connection.reset(roll_back).await
}
