use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a get loaded by itself; one that waited for the load of another did not.
#[derive(Clone, Default)]
pub(super) struct Source(Arc<AtomicBool>);

impl Source {
    pub(super) fn is_storage(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_cache(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}
