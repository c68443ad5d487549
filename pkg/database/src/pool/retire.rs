use tokio::sync::mpsc;

use super::{entry::PooledConnection, permit::PoolPermit};

/// A connection that was taken out of service, and what the maintenance task does with it.
pub(super) struct Retired {
    pub(super) entry: PooledConnection,
    /// Held until the task is done: what the server still works on counts against the limit of the pool. None where the
    /// connection was idle.
    pub(super) permit: Option<PoolPermit>,
    pub(super) action: MaintenanceAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MaintenanceAction {
    /// Wait for the statement whose caller went away or have it cancelled, roll back what may be open, and put it back.
    Reset { roll_back: bool },
    /// Close it; first cancel the statement whose caller went away, where one still runs.
    Close { cancel: bool },
}

/// Where retired connections go.
pub(super) struct RetireSender(mpsc::UnboundedSender<Retired>);

impl RetireSender {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Retired>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Without a maintenance task the connection is dropped with the message, which closes its socket.
    pub(super) fn send(
        &self,
        entry: PooledConnection,
        permit: Option<PoolPermit>,
        action: MaintenanceAction,
    ) {
        drop(self.0.send(Retired { entry, permit, action }));
    }
}
