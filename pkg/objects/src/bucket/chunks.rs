use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use underpin_store::{Key, Revision};

use crate::StoreError;

/// Where the data of objects is, in chunks below ids. They become visible when metadata names their id.
#[async_trait]
pub(crate) trait Chunks: Send + Sync + 'static {
    /// How many bytes a chunk has at most.
    fn chunk_size(&self) -> usize;

    /// Begins an upload below an unused id.
    async fn upload(&self, id: &str, ttl: Option<Duration>) -> Result<Box<dyn ChunkUpload>, StoreError>;

    /// The chunks from one on. The stream ends early when chunks are missing.
    fn download(&self, source: ChunkSource) -> BoxStream<'static, Result<Bytes, StoreError>>;

    /// Removes what is below an id.
    async fn remove(&self, id: &str) -> Result<(), StoreError>;

    /// What is there, and the time by the clock that ages are counted with.
    async fn stored(&self) -> Result<(SystemTime, Vec<StoredChunks>), StoreError>;

    /// When the last chunk below an id was stored; none when there is none.
    async fn last_stored(&self, id: &str) -> Result<Option<SystemTime>, StoreError>;

    /// Removes the record of a deleted object without a trace, if it is still the last write of its key.
    async fn forget(&self, key: &Key, revision: Revision) -> Result<(), StoreError>;
}

/// Chunks that are sent in their order, several at a time.
#[async_trait]
pub(crate) trait ChunkUpload: Send {
    /// Sends a chunk. Waits while the window is full.
    async fn send(&mut self, chunk: Bytes) -> Result<(), StoreError>;

    /// Waits until every chunk is acknowledged. Returns the position of the first.
    async fn finish(&mut self) -> Result<Option<u64>, StoreError>;

    /// Waits until every chunk is acknowledged, refused or given up.
    async fn abandon(&mut self);
}

/// What a download reads.
#[derive(Clone, Debug)]
pub(crate) struct ChunkSource {
    pub(crate) id: String,
    /// How many chunks there are.
    pub(crate) count: u64,
    /// The index of the first that is wanted.
    pub(crate) first: u64,
    /// The position of the very first, where it is known.
    pub(crate) position: Option<u64>,
}

/// What is stored below an id.
#[derive(Clone, Debug)]
pub(crate) struct StoredChunks {
    pub(crate) id: String,
}
