use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;
use tokio_util::task::AbortOnDropHandle;

use crate::{ObjectData, ObjectInfo, ObjectName, Objects, PutObject, StoreError};

/// How many pieces wait between the writer and the upload.
const PIECES: usize = 8;

/// An object that is written piece by piece, for code that pushes. The object appears with [`finish`](Self::finish); dropped, it
/// stores nothing.
pub struct ObjectWriter {
    pieces: PollSender<Result<Bytes, StoreError>>,
    put: AbortOnDropHandle<Result<ObjectInfo, StoreError>>,
}

impl ObjectWriter {
    pub(crate) fn new<O: Objects + ?Sized>(objects: Arc<O>, name: ObjectName, options: PutObject) -> Self {
        let (sender, mut receiver) = mpsc::channel(PIECES);
        let pieces = futures_util::stream::poll_fn(move |context| match receiver.poll_recv(context) {
            // `finish` ends the data with an empty piece. Without it there is no end: a dropped writer stores nothing.
            Poll::Ready(Some(Ok(piece))) if Bytes::is_empty(&piece) => Poll::Ready(None),
            Poll::Ready(None) => Poll::Pending,
            other => other,
        });
        let put = tokio::spawn(async move { objects.put(&name, ObjectData::stream(pieces), options).await });
        Self { pieces: PollSender::new(sender), put: AbortOnDropHandle::new(put) }
    }

    /// Stores the object.
    ///
    /// # Errors
    /// Those of [`Objects::put`].
    ///
    /// # Cancel safety
    /// The object may be stored.
    pub async fn finish(mut self) -> Result<ObjectInfo, StoreError> {
        // A put that has failed does not receive it.
        if std::future::poll_fn(|context| self.pieces.poll_reserve(context)).await.is_ok() {
            drop(self.pieces.send_item(Ok(Bytes::new())));
        }
        self.put.await.map_err(|error| StoreError::Unavailable(error.into()))?
    }
}

impl AsyncWrite for ObjectWriter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let failed = |_| io::Error::other("the upload has failed; `finish` tells why");
        ready!(self.pieces.poll_reserve(context)).map_err(failed)?;
        self.pieces.send_item(Ok(Bytes::copy_from_slice(buffer))).map_err(failed)?;
        Poll::Ready(Ok(buffer.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for ObjectWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectWriter").finish_non_exhaustive()
    }
}
