//! A TCP proxy in front of a server, which a test makes slow, silent or broken.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

pub(crate) struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    /// Counted, so that a cut is not missed when the line is whole again at once.
    cuts: watch::Sender<u64>,
    seen: Arc<Seen>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    Delay(Duration),
    /// Takes everything and answers nothing.
    BlackHole,
    /// The same for the connections that stand; new ones pass.
    BlackHoleOld,
    /// Lets what stands pass, and answers nothing to what is new.
    HoldNew,
    /// Ends every connection, and every new one at once.
    Cut,
}

#[derive(Default)]
struct Seen {
    messages: AtomicUsize,
    connections: AtomicU64,
    links: AtomicUsize,
}

/// Counts a link for as long as it exists.
struct Link(Arc<Seen>);

impl Link {
    fn new(seen: &Arc<Seen>) -> Self {
        seen.links.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(seen))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.0.links.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Proxy {
    /// In front of the server that the URL names; [`url`](Self::url) leads here.
    pub(crate) async fn before(url: &str) -> (Self, String) {
        let (before, address) = url.rsplit_once('@').unwrap_or_else(|| url.split_once("//").expect("a URL"));
        let (host, path) = address.split_once('/').expect("a database");
        let server = tokio::net::lookup_host(host).await.unwrap().next().expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let separator = if url.contains('@') { "@" } else { "//" };
        let url = format!("{before}{separator}{address}/{path}");
        let (mode, modes) = watch::channel(Mode::Pass);
        let (cuts, cut) = watch::channel(0);
        let seen = Arc::new(Seen::default());
        let accepting = tokio::spawn(accept(listener, server, modes, cut, Arc::clone(&seen)));
        (Self { address, mode, cuts, seen, accepting }, url)
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
        if mode == Mode::Cut {
            self.cuts.send_modify(|cuts| *cuts += 1);
        }
    }

    /// Packets from clients so far: one for each thing a client said before it waited.
    pub(crate) fn messages(&self) -> usize {
        self.seen.messages.load(Ordering::SeqCst)
    }

    /// Connections that pass through at the moment.
    pub(crate) fn links(&self) -> usize {
        self.seen.links.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> u64 {
        self.seen.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        assert_ne!(self.address.port(), 0);
    }
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    modes: watch::Receiver<Mode>,
    cut: watch::Receiver<u64>,
    seen: Arc<Seen>,
) {
    let mut links = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        seen.connections.fetch_add(1, Ordering::SeqCst);
        links.spawn(link(client, server, modes.clone(), cut.clone(), Arc::clone(&seen)));
    }
}

async fn link(
    client: TcpStream,
    server: SocketAddr,
    modes: watch::Receiver<Mode>,
    mut cut: watch::Receiver<u64>,
    seen: Arc<Seen>,
) {
    // Dropped last, when both ends are closed.
    let _link = Link::new(&seen);
    cut.mark_unchanged();
    let old = *modes.borrow() != Mode::BlackHoleOld;
    if *modes.borrow() == Mode::Cut {
        return;
    }
    let mut held = modes.clone();
    if held.wait_for(|mode| *mode != Mode::HoldNew).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let count = move || {
        seen.messages.fetch_add(1, Ordering::SeqCst);
    };
    let up = pump(from_client, to_server, modes.clone(), old, count);
    let down = pump(from_server, to_client, modes, old, || {});
    tokio::select! {
        () = up => {}
        () = down => {}
        _ = cut.changed() => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    modes: watch::Receiver<Mode>,
    old: bool,
    count: impl Fn(),
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        count();
        let mode = *modes.borrow();
        match mode {
            Mode::BlackHoleOld if !old => {}
            Mode::Pass | Mode::HoldNew | Mode::Cut => {}
            Mode::Delay(delay) => tokio::time::sleep(delay).await,
            Mode::BlackHole | Mode::BlackHoleOld => {
                // What was swallowed never arrives: the line stays silent until it is cut.
                std::future::pending::<()>().await;
            }
        }
        let Some(bytes) = buffer.get(..length) else { return };
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}
