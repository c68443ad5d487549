use std::sync::Arc;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// The right to hold one connection of the pool. Dropping it admits the next caller, so a caller that goes away loses none.
pub(super) type PoolPermit = OwnedSemaphorePermit;

/// As many permits as the pool may have connections, handed out in the order of asking.
pub(super) struct Permits {
    semaphore: Arc<Semaphore>,
    max: u32,
}

impl Permits {
    pub(super) fn new(max: u32) -> Self {
        Self { semaphore: Arc::new(Semaphore::new(max as usize)), max }
    }

    pub(super) fn max(&self) -> u32 {
        self.max
    }

    pub(super) fn in_use(&self) -> usize {
        (self.max as usize).saturating_sub(self.semaphore.available_permits())
    }

    pub(super) fn try_acquire(&self) -> Result<PoolPermit, TryAcquireError> {
        Arc::clone(&self.semaphore).try_acquire_owned()
    }

    pub(super) async fn acquire(&self) -> Result<PoolPermit, AcquireError> {
        Arc::clone(&self.semaphore).acquire_owned().await
    }

    /// Fails everyone who waits now or later.
    pub(super) fn close(&self) {
        self.semaphore.close();
    }
}
