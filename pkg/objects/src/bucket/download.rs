//! A download that is checked: against its count, size and digest, and against a replacement.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};

use super::chunks::ChunkSource;
use super::inner::ObjectBucket;
use super::metadata::Current;
use crate::verify::Verify;
use crate::{ObjectInfo, ObjectName, StoreError, meters};

pub(super) struct Download {
    inner: Arc<ObjectBucket>,
    name: ObjectName,
    current: Current,
    chunks: BoxStream<'static, Result<Bytes, StoreError>>,
    verify: Verify,
    /// The position of the next chunk in the object.
    at: u64,
    range: Range<u64>,
}

/// The bytes of a range.
pub(super) fn chunks(
    inner: Arc<ObjectBucket>,
    name: ObjectName,
    current: Current,
    info: &ObjectInfo,
    range: Option<Range<u64>>,
) -> BoxStream<'static, Result<Bytes, StoreError>> {
    let (metadata, verify) = (&current.metadata, Verify::new(info, range.is_none()));
    let range = range.map_or(0..metadata.size, |range| range.start..range.end.min(metadata.size));
    let first = metadata.even_chunks().map_or(0, |size| range.start / size);
    let at = metadata.even_chunks().map_or(0, |size| first * size);
    let position = metadata.underpin.and_then(|placement| placement.first);
    let source = ChunkSource { id: metadata.nuid.clone(), count: metadata.chunks, first, position };
    let chunks = inner.chunks.download(source);
    let bucket = inner.settings.name.clone();
    let download = Download { inner, name, current, chunks, verify, at, range };
    let chunks = stream::try_unfold(download, Download::next);
    chunks.inspect_err(move |error| meters::read_failed(&bucket, error)).boxed()
}

impl Download {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, StoreError> {
        while self.at < self.range.end && !self.range.is_empty() {
            let Some(mut chunk) = self.chunks.next().await.transpose()? else {
                return Err(self.ended_early().await);
            };
            self.verify.take(&chunk)?;
            let begin = self.at;
            self.at += chunk.len() as u64;
            let part = |at: u64| usize::try_from(at.saturating_sub(begin)).unwrap_or(usize::MAX);
            chunk.truncate(part(self.range.end));
            let chunk = chunk.slice(part(self.range.start).min(chunk.len())..);
            if !chunk.is_empty() {
                meters::bytes(&self.inner.settings.name, "get", chunk.len() as u64);
                return Ok(Some((chunk, self)));
            }
        }
        Ok(None)
    }

    /// Why chunks are missing.
    async fn ended_early(self) -> StoreError {
        match self.inner.current(&self.name).await {
            Ok(Some(now)) if now.entry.revision == self.current.entry.revision => {
                StoreError::Corrupt("chunks of the object are missing".into())
            }
            Ok(_) => StoreError::Replaced,
            Err(error) => error,
        }
    }
}
