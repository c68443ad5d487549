use underpin_nats::jetstream::{JetStreamApi, JetStreamError};

use crate::StoreError;

/// The stream of a bucket.
pub(super) struct ChunkStream {
    pub(super) api: JetStreamApi,
    pub(super) name: String,
    pub(super) bucket: String,
}

impl ChunkStream {
    /// The error of a call that changed nothing.
    pub(super) fn failed(&self, operation: &'static str, error: JetStreamError) -> StoreError {
        StoreError::jetstream(operation, &self.bucket, error)
    }
}
