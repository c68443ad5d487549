//! An upload from the first piece of data to the last acknowledged chunk.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use ring::digest::{Context, SHA256};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;

use super::chunks::{ChunkUpload, Chunks};
use crate::{ObjectDigest, StoreError};

/// How often chunks of a failed upload are tried to remove, and how long between.
const ATTEMPTS: usize = 30;
const PAUSE: Duration = Duration::from_secs(1);

/// Chunks below an id. Dropped before it is kept, they are removed by a task.
pub(super) struct Upload {
    chunks: Arc<dyn Chunks>,
    sent: Option<Box<dyn ChunkUpload>>,
    id: String,
    tasks: TaskTracker,
}

/// What was sent.
pub(super) struct Sent {
    pub(super) size: u64,
    pub(super) count: u64,
    pub(super) digest: ObjectDigest,
    /// The position of the first chunk.
    pub(super) first: Option<u64>,
    /// Whether every chunk but the last is full.
    pub(super) is_even: bool,
}

impl Upload {
    pub(super) async fn begin(
        chunks: Arc<dyn Chunks>,
        id: String,
        ttl: Option<Duration>,
        tasks: TaskTracker,
    ) -> Result<Self, StoreError> {
        let sent = Some(chunks.upload(&id, ttl).await?);
        Ok(Self { chunks, sent, id, tasks })
    }

    /// Sends all data in full chunks. A source that needs longer than half of `idle` for one makes it smaller: a sweep sees by the age of the
    /// last chunk whether an upload is alive.
    pub(super) async fn send(
        &mut self,
        mut pieces: BoxStream<'static, Result<Bytes, StoreError>>,
        idle: Duration,
    ) -> Result<Sent, StoreError> {
        let (chunk_size, mut buffer) = (self.chunks.chunk_size(), BytesMut::new());
        let mut sent = Sending::new(self, chunk_size);
        let mut heard = Instant::now();
        loop {
            let left = idle.saturating_sub(heard.elapsed());
            let due = (idle / 2).saturating_sub(sent.stored.elapsed());
            let wait = if buffer.is_empty() { left } else { left.min(due) };
            let Ok(piece) = timeout(wait, pieces.try_next()).await else {
                if heard.elapsed() >= idle {
                    return Err(StoreError::Timeout { operation: "read the data", within: idle });
                }
                if !buffer.is_empty() {
                    sent.chunk(buffer.split().freeze()).await?;
                }
                continue;
            };
            let Some(mut piece) = piece? else { break };
            heard = Instant::now();
            while !piece.is_empty() {
                // A piece that is large enough is not copied.
                if buffer.is_empty() && piece.len() >= chunk_size {
                    sent.chunk(piece.split_to(chunk_size)).await?;
                    continue;
                }
                if buffer.is_empty() {
                    buffer.reserve(chunk_size);
                }
                buffer.extend_from_slice(&piece.split_to(piece.len().min(chunk_size - buffer.len())));
                if buffer.len() == chunk_size {
                    sent.chunk(buffer.split().freeze()).await?;
                }
            }
        }
        if !buffer.is_empty() {
            sent.chunk(buffer.freeze()).await?;
        }
        let Sending { size, count, context, is_even, .. } = sent;
        let digest = ObjectDigest::from_ring(context.finish());
        let first = match &mut self.sent {
            Some(sent) => sent.finish().await?,
            None => None,
        };
        Ok(Sent { size, count, digest, first, is_even })
    }

    /// Leaves the chunks where they are.
    pub(super) fn keep(mut self) {
        self.sent = None;
    }
}

struct Sending<'a> {
    upload: &'a mut Upload,
    chunk_size: usize,
    context: Context,
    size: u64,
    count: u64,
    /// When the last chunk was sent.
    stored: Instant,
    /// Whether the last chunk is smaller than the others.
    is_short: bool,
    is_even: bool,
}

impl<'a> Sending<'a> {
    fn new(upload: &'a mut Upload, chunk_size: usize) -> Self {
        let (context, stored) = (Context::new(&SHA256), Instant::now());
        Self { upload, chunk_size, context, size: 0, count: 0, stored, is_short: false, is_even: true }
    }

    async fn chunk(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        self.context.update(&chunk);
        (self.size, self.count) = (self.size + chunk.len() as u64, self.count + 1);
        self.is_even &= !self.is_short;
        (self.is_short, self.stored) = (chunk.len() < self.chunk_size, Instant::now());
        match &mut self.upload.sent {
            Some(sent) => sent.send(chunk).await,
            None => Ok(()),
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(mut sent) = self.sent.take() else { return };
        // Without a runtime the sweep finds them.
        let Ok(runtime) = Handle::try_current() else { return };
        let (chunks, id) = (Arc::clone(&self.chunks), std::mem::take(&mut self.id));
        let removal = async move {
            // A chunk that arrives after the removal would stay.
            sent.abandon().await;
            remove(&*chunks, &id).await;
        };
        drop(self.tasks.spawn_on(removal, &runtime));
    }
}

/// Removes chunks; what cannot be removed is left for the sweep.
pub(super) async fn remove(chunks: &dyn Chunks, id: &str) {
    for _ in 0..ATTEMPTS {
        if chunks.remove(id).await.is_ok() {
            return;
        }
        sleep(PAUSE).await;
    }
}
