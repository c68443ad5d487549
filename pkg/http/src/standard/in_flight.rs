use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use underpin_logger::{Context, Logger};

use super::handles::add_active;

/// A request in flight, with what its body needs.
pub(super) struct InFlight {
    pub(super) ctx: Context,
    pub(super) log: Arc<dyn Logger>,
    _permit: OwnedSemaphorePermit,
}

impl InFlight {
    pub(super) fn new(permit: OwnedSemaphorePermit, ctx: Context, log: Arc<dyn Logger>) -> Self {
        add_active(1.0);
        Self { ctx, log, _permit: permit }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        add_active(-1.0);
    }
}
