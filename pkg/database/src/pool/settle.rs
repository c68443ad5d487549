use std::time::Duration;

use super::{core::Core, slot::Slot};

/// How long a statement whose caller went away may go on by itself: most end within it.
const PATIENCE: Duration = Duration::from_millis(50);

/// Makes a connection fit for the next caller: waits for the statement that was dropped half-way, asks the server to cancel
/// one that goes on for longer, and rolls back what may be open.
///
/// Whoever calls puts a limit around it.
pub(super) async fn settle(core: &Core, slot: &mut Slot, roll_back: bool) -> sqlx::Result<()> {
    if let Some(identity) = slot.connection.identity().cloned() {
        if let Ok(settled) = tokio::time::timeout(PATIENCE, slot.connection.settle(roll_back)).await {
            return settled;
        }
        core.side.cancel(core, &identity).await;
    }
    slot.connection.settle(roll_back).await
}
