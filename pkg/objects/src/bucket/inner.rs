use std::sync::Arc;

use tokio_util::task::TaskTracker;
use underpin_store::{KeyValue, Read};

use super::chunks::Chunks;
use super::metadata::{self, Current};
use crate::{ObjectBucketSettings, ObjectName, StoreError};

/// What the parts of a bucket share.
pub(super) struct ObjectBucket {
    /// The metadata, by encoded names.
    pub(super) metadata: Arc<dyn KeyValue>,
    pub(super) chunks: Arc<dyn Chunks>,
    pub(super) settings: ObjectBucketSettings,
    /// Removals of chunks, and writes of metadata that must not stop half-way.
    pub(super) tasks: TaskTracker,
}

impl ObjectBucket {
    /// The metadata of a name, of a deleted object too.
    pub(super) async fn current(&self, name: &ObjectName) -> Result<Option<Current>, StoreError> {
        match self.metadata.get(&metadata::key(name)?, Read::Latest).await? {
            Some(entry) => Current::read(entry),
            None => Ok(None),
        }
    }

    pub(super) async fn visible(&self, name: &ObjectName) -> Result<Option<Current>, StoreError> {
        Ok(self.current(name).await?.filter(|current| !current.metadata.deleted))
    }

    /// Runs to the end, also when the caller does not wait.
    pub(super) async fn finished<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let ended = self.tasks.spawn(work).await;
        ended.map_err(|error| StoreError::Unavailable(error.into()))?
    }
}
