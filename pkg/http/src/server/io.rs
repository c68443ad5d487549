use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::connection::Connection;

/// How long a closed connection is read, if the client was still sending, and how long it may pause. Without this the kernel answers what
/// arrives after the close with a reset, and the client loses an answer that it has not read yet.
const LINGER: Duration = Duration::from_secs(5);
const LINGER_PAUSE: Duration = Duration::from_secs(1);

/// The same for a client that has sent everything: time for its own close.
const LINGER_IDLE: Duration = Duration::from_millis(20);

/// A socket that tells its [`Connection`] what happens on it, and that lingers when it is closed.
pub(super) struct Socket<S> {
    stream: S,
    connection: Arc<Connection>,
    linger: Option<Linger>,
    /// Only after an upgrade, when no task of ours watches the connection.
    cut: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

struct Linger {
    ends: Instant,
    pause: Pin<Box<Sleep>>,
}

impl<S> Socket<S> {
    pub(super) fn new(stream: S, connection: Arc<Connection>) -> Self {
        Self { stream, connection, linger: None, cut: None }
    }

    /// Whether the stop has cut a connection that a handler took over.
    fn is_cut(&mut self, cx: &mut Context<'_>) -> bool {
        let end = &self.connection.server.end_calls;
        let cut = self.cut.get_or_insert_with(|| Box::pin(end.clone().cancelled_owned()));
        cut.as_mut().poll(cx).is_ready()
    }

    /// An upgraded connection that only sends learns here that the server stops. It is no waker that is asked: that is the reader's.
    fn writes_no_more(&self) -> bool {
        self.connection.is_upgraded() && self.connection.server.end_calls.is_cancelled()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.connection.is_upgraded() && this.is_cut(cx) {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        if let Some(received) = buf.filled().get(before..)
            && !received.is_empty()
        {
            this.connection.received(received);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.writes_no_more() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.connection.set_write_blocked(written.is_pending());
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.writes_no_more() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.connection.set_write_blocked(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let linger = match &mut this.linger {
            Some(linger) => linger,
            None => {
                ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
                let pause = if this.connection.is_unread() { LINGER_PAUSE } else { LINGER_IDLE };
                let ends = Instant::now() + LINGER;
                this.linger.insert(Linger { ends, pause: Box::pin(sleep(pause)) })
            }
        };
        let mut dropped = [0; 8192];
        loop {
            let mut dropped = ReadBuf::new(&mut dropped);
            match Pin::new(&mut this.stream).poll_read(cx, &mut dropped) {
                Poll::Ready(Ok(())) if !dropped.filled().is_empty() => {
                    linger.pause.as_mut().reset(linger.ends.min(Instant::now() + LINGER_PAUSE));
                }
                // The end, or a client that went away.
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => break,
            }
            if Instant::now() >= linger.ends {
                return Poll::Ready(Ok(()));
            }
        }
        linger.pause.as_mut().poll(cx).map(Ok)
    }
}
