use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncRead, ReadBuf};

use crate::{ObjectInfo, StoreError};

/// An object that is read: a stream of chunks, and an `AsyncRead`.
///
/// The last chunk is only given when size and digest are right. [`StoreError::Replaced`] tells that the object was replaced, deleted
/// or has expired meanwhile: begin again. [`StoreError::Corrupt`] tells that its data is damaged. As an `AsyncRead` it gives the same
/// errors inside [`io::Error`].
pub struct ObjectReader {
    info: ObjectInfo,
    chunks: BoxStream<'static, Result<Bytes, StoreError>>,
    rest: Bytes,
}

impl ObjectReader {
    /// A reader, for an implementation.
    pub fn new(
        info: ObjectInfo,
        chunks: impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static,
    ) -> Self {
        Self { info, chunks: Box::pin(chunks), rest: Bytes::new() }
    }

    /// What is read.
    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// Reads all of it, if it is not larger than this.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], and those of the stream.
    ///
    /// # Cancel safety
    /// What was read is lost.
    pub async fn read_all(mut self, limit: usize) -> Result<Bytes, StoreError> {
        let first = self.next().await.transpose()?.unwrap_or_default();
        let mut all = BytesMut::new();
        while let Some(chunk) = self.next().await {
            if all.is_empty() {
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&chunk?);
            if all.len() > limit {
                break;
            }
        }
        let all = if all.is_empty() { first } else { all.freeze() };
        if all.len() > limit {
            return Err(StoreError::TooLarge { size: all.len(), limit: Some(limit) });
        }
        Ok(all)
    }
}

impl Stream for ObjectReader {
    type Item = Result<Bytes, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match std::mem::take(&mut self.rest) {
            rest if rest.is_empty() => self.chunks.as_mut().poll_next(context),
            rest => Poll::Ready(Some(Ok(rest))),
        }
    }
}

impl AsyncRead for ObjectReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match ready!(self.chunks.as_mut().poll_next(context)) {
                Some(chunk) => self.rest = chunk.map_err(io::Error::other)?,
                None => return Poll::Ready(Ok(())),
            }
        }
        let length = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for ObjectReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectReader").field("info", &self.info).finish_non_exhaustive()
    }
}
