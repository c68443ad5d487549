use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch::Sender;
use underpin_journal::SharedSync;

use super::bucket::Bucket;
use crate::StoreError;

/// A bucket and its watches.
pub(super) struct Shared {
    bucket: Mutex<Bucket>,
    /// The last revision, for watches.
    pub(super) changed: Sender<u64>,
    is_journaled: bool,
    on_disk: SharedSync,
}

impl Shared {
    pub(super) fn new(bucket: Bucket) -> Self {
        let is_journaled = bucket.journal.is_some();
        Self {
            bucket: Mutex::new(bucket),
            changed: Sender::new(0),
            is_journaled,
            on_disk: SharedSync::default(),
        }
    }

    pub(super) fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every write so far counts as stored; with `forced`, until it is on the disk.
    pub(super) async fn sync(&self, forced: bool) -> Result<(), StoreError> {
        if !self.is_journaled {
            return Ok(());
        }
        let point = || match &self.bucket().journal {
            Some(journal) => journal.sync_point(forced),
            None => Ok(None),
        };
        let synced = self.on_disk.wait(point).await;
        synced.map_err(|failure| {
            if let Some(journal) = &mut self.bucket().journal {
                journal.fail(&failure);
            }
            StoreError::Unconfirmed(failure.into())
        })
    }
}
