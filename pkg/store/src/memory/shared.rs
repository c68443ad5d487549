use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch::Sender;

use super::bucket::Bucket;

/// A bucket and its watches.
pub(super) struct Shared {
    bucket: Mutex<Bucket>,
    /// The last revision, for watches.
    pub(super) changed: Sender<u64>,
}

impl Shared {
    pub(super) fn new(bucket: Bucket) -> Self {
        Self { bucket: Mutex::new(bucket), changed: Sender::new(0) }
    }

    pub(super) fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
