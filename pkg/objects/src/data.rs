use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, TryStreamExt};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;
use underpin_errors::BoxError;

use crate::StoreError;

/// What a reader is asked for at once.
const READ: usize = 128 * 1024;

/// The data of an object, in pieces of any size: bodies and files are pieces already, and each byte is copied once at most.
///
/// # Examples
/// ```
/// use underpin_objects::ObjectData;
///
/// let bytes = ObjectData::from("hello");
/// assert_eq!(bytes.size(), Some(5));
/// let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>("hel"), Ok("lo")]);
/// assert_eq!(ObjectData::stream(pieces).size(), None);
/// ```
pub struct ObjectData {
    pieces: BoxStream<'static, Result<Bytes, StoreError>>,
    size: Option<u64>,
}

impl ObjectData {
    /// The pieces of a stream. An error ends the upload with [`StoreError::Data`].
    pub fn stream<B, E>(pieces: impl Stream<Item = Result<B, E>> + Send + 'static) -> Self
    where
        B: Into<Bytes> + 'static,
        E: Into<BoxError>,
    {
        let pieces = pieces.map_ok(Into::into).map_err(|error| StoreError::Data(error.into()));
        Self { pieces: Box::pin(pieces), size: None }
    }

    /// What a reader gives.
    pub fn reader(reader: impl AsyncRead + Send + 'static) -> Self {
        let begin = (Box::pin(reader), BytesMut::with_capacity(READ), VecDeque::<BytesMut>::new());
        Self::stream(stream::try_unfold(begin, |(mut reader, mut buffer, mut used)| async {
            if buffer.capacity() == 0 {
                used.push_back(buffer);
                // One whose pieces were sent is used again: each page of a new one is a fault.
                buffer = match used.front_mut().is_some_and(|first| first.try_reclaim(READ)) {
                    true => used.pop_front().unwrap_or_default(),
                    false => BytesMut::with_capacity(READ),
                };
            }
            let read = poll_fn(|context| poll_read_buf(reader.as_mut(), context, &mut buffer)).await?;
            let piece = buffer.split().freeze();
            Ok::<_, io::Error>((read > 0).then_some((piece, (reader, buffer, used))))
        }))
    }

    /// Announces how many bytes there are. Data of another size ends the upload with [`StoreError::Data`].
    #[must_use]
    pub fn with_size(mut self, size: u64) -> Self {
        self.size = Some(size);
        self
    }

    /// How many bytes there are, if it is known.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// The pieces, for an implementation: they end with an error when they have another size than announced.
    pub fn into_pieces(self) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let Self { pieces, size } = self;
        let Some(size) = size else { return pieces };
        Box::pin(stream::try_unfold((pieces, size), |(mut pieces, left)| async move {
            let piece = pieces.try_next().await?;
            let length = piece.as_ref().map_or(0, |piece| piece.len() as u64);
            match (piece, left.checked_sub(length)) {
                (None, Some(0)) => Ok(None),
                (Some(piece), Some(left)) => Ok(Some((piece, (pieces, left)))),
                _ => Err(StoreError::Data("its size differs from what was announced".into())),
            }
        }))
    }
}

impl<B: Into<Bytes>> From<B> for ObjectData {
    fn from(bytes: B) -> Self {
        let bytes: Bytes = bytes.into();
        let size = Some(bytes.len() as u64);
        Self { pieces: Box::pin(stream::iter([Ok(bytes)])), size }
    }
}

impl fmt::Debug for ObjectData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectData").field("size", &self.size).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives as much as it is asked for, a hundred times.
    #[tokio::test]
    async fn a_reader_is_read_into_buffers_that_are_used_again() {
        let data: Vec<u8> = (0..READ * 100).map(|at| (at % 251) as u8).collect();
        let mut pieces = ObjectData::reader(io::Cursor::new(data.clone())).into_pieces();
        let (mut read, mut in_flight, mut buffers) = (0, VecDeque::new(), std::collections::HashSet::new());
        while let Some(piece) = pieces.try_next().await.unwrap() {
            assert_eq!(piece, data[read..read + piece.len()]);
            read += piece.len();
            buffers.insert(piece.as_ptr());
            in_flight.push_back(piece);
            if in_flight.len() > 8 {
                in_flight.pop_front();
            }
        }
        assert_eq!(read, data.len());
        assert!(buffers.len() <= 12, "{} buffers", buffers.len());
    }
}
