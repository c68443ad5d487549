use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::proxy::fault::{Direction, Fault};

/// What the connections of one proxy share.
#[derive(Debug, Default)]
pub(super) struct Network {
    pub(super) fault: watch::Sender<Fault>,
    /// Counted, so that a connection does not miss a cut that ends at once.
    pub(super) cuts: watch::Sender<u64>,
    /// Connections that opened before the last change carry nothing.
    pub(super) forgotten: watch::Sender<u64>,
    pub(super) accepted: AtomicUsize,
    pub(super) open: AtomicUsize,
    pub(super) messages: AtomicUsize,
}

/// Counts a connection as open until both of its ends are closed.
struct Open(Arc<Network>);

impl Open {
    fn count(network: &Arc<Network>) -> Self {
        network.open.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(network))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Carries one connection to its end. When either side closes, both are closed.
pub(super) async fn carry(mut client: TcpStream, server: SocketAddr, network: Arc<Network>) {
    // Declared first and so dropped last.
    let _open = Open::count(&network);
    let mut cuts = network.cuts.subscribe();
    let (fault, forgotten) = (network.fault.subscribe(), network.forgotten.subscribe());
    let upstream = tokio::select! {
        _ = cuts.changed() => None,
        upstream = connect(server, fault.clone()) => upstream,
    };
    let Some(mut upstream) = upstream else { return reset(client) };
    // Small messages leave at once, as from a client without a proxy.
    if client.set_nodelay(true).and(upstream.set_nodelay(true)).is_err() {
        return;
    }
    let was_cut = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = upstream.split();
        let count = || _ = network.messages.fetch_add(1, Ordering::SeqCst);
        let up = Pump { direction: Direction::ToServer, fault: fault.clone(), forgotten: forgotten.clone() };
        let down = Pump { direction: Direction::ToClient, fault, forgotten };
        tokio::select! {
            _ = cuts.changed() => true,
            () = up.run(from_client, to_server, count) => false,
            () = down.run(from_server, to_client, || {}) => false,
        }
    };
    if was_cut {
        reset(client);
        reset(upstream);
    }
}

/// `None` when the network refuses the connection or the server does.
async fn connect(server: SocketAddr, mut fault: watch::Receiver<Fault>) -> Option<TcpStream> {
    let now = *fault.wait_for(|fault| !fault.holds_new()).await.ok()?;
    if now.refuses_new() {
        return None;
    }
    TcpStream::connect(server).await.ok()
}

/// The other end reads "connection reset by peer".
fn reset(stream: TcpStream) {
    // A socket that is closed already needs no reset.
    let _closed = stream.set_zero_linger();
    drop(stream);
}

/// One direction of a connection.
struct Pump {
    direction: Direction,
    fault: watch::Receiver<Fault>,
    forgotten: watch::Receiver<u64>,
}

impl Pump {
    async fn run(
        mut self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        count: impl Fn(),
    ) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = tokio::select! {
                read = from.read(&mut buffer) => read,
                _ = self.forgotten.changed() => return std::future::pending().await,
            };
            let Some(bytes) = read.ok().filter(|length| *length > 0).and_then(|length| buffer.get(..length))
            else {
                return;
            };
            count();
            let latency = self.fault.borrow_and_update().latency();
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            if self.send(bytes, &mut to).await.is_none() {
                return;
            }
        }
    }

    /// Sends the bytes as the fault of each moment lets them pass; `None` when the connection has ended.
    async fn send(&mut self, mut bytes: &[u8], to: &mut (impl AsyncWrite + Unpin)) -> Option<()> {
        while !bytes.is_empty() {
            let direction = self.direction;
            let now = *self.fault.wait_for(|fault| !fault.freezes(direction)).await.ok()?;
            if self.forgotten.has_changed().unwrap_or(false) {
                std::future::pending::<()>().await;
            }
            if now.discards(direction) {
                return Some(());
            }
            let (portion, pause) = now.portion(bytes.len());
            let (first, rest) = bytes.split_at_checked(portion)?;
            to.write_all(first).await.ok()?;
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            bytes = rest;
        }
        Some(())
    }
}
