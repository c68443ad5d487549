use tokio::sync::SemaphorePermit;

/// The permits of the window that a batch holds. Those of acknowledged events are released together: each release is a lock.
#[derive(Default)]
pub(super) struct WindowPermits<'a> {
    held: Option<SemaphorePermit<'a>>,
    pub(super) done: usize,
}

impl<'a> WindowPermits<'a> {
    pub(super) fn add(&mut self, permit: SemaphorePermit<'a>) {
        match &mut self.held {
            Some(held) => held.merge(permit),
            none @ None => *none = Some(permit),
        }
    }

    /// One of them, for an event that needs it longer.
    pub(super) fn take_one(&mut self) -> Option<SemaphorePermit<'a>> {
        self.held.as_mut().and_then(|held| held.split(1))
    }

    pub(super) fn release_done(&mut self) {
        let done = std::mem::take(&mut self.done);
        drop(self.held.as_mut().and_then(|held| held.split(done)));
    }
}
