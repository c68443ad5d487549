use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::error::{Context, TestkitError, or_fail};
use crate::proxy::fault::Fault;
use crate::proxy::link::{Network, carry};
use crate::url::UrlParts;

/// A port on the loopback interface that leads to a server, with the network faults that a test asks for.
///
/// All connections end with the value.
///
/// ```
/// # async fn run() {
/// use std::time::Duration;
///
/// use underpin_testkit::{Direction, Fault, PostgresDatabase, Proxy};
///
/// let database = PostgresDatabase::fresh().await;
/// let proxy = Proxy::to(database.url()).await;
/// assert!(proxy.url().ends_with(database.name()));
/// proxy.set(Fault::Latency(Duration::from_millis(20)));
/// proxy.set(Fault::Freeze(Direction::ToClient));
/// proxy.set(Fault::None);
/// proxy.cut();
/// # }
/// ```
#[derive(Debug)]
pub struct Proxy {
    url: String,
    port: u16,
    network: Arc<Network>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy to the server of a URL (`postgres://..`, `nats://..`) or of `host:port`.
    ///
    /// # Panics
    /// When the host is unknown or no port can be opened, and outside of a runtime.
    pub async fn to(url: &str) -> Self {
        or_fail(Self::try_to(url).await)
    }

    /// Starts a proxy to the server of a URL (`postgres://..`, `nats://..`) or of `host:port`.
    ///
    /// # Errors
    /// [`TestkitError::Io`] when the host is unknown or no port can be opened.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub async fn try_to(url: &str) -> Result<Self, TestkitError> {
        let parts = UrlParts::of(url);
        let address = parts.address(if parts.before.starts_with("postgres") { 5432 } else { 4222 });
        let server = tokio::net::lookup_host(&address).await.and_then(|mut addresses| {
            addresses.next().ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
        });
        let server = server.context(|| format!("cannot find the host of {address}"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context(|| "cannot open a port for a proxy".to_owned())?;
        let local = listener.local_addr().context(|| "cannot read the port of a proxy".to_owned())?;
        let network = Arc::new(Network::default());
        Ok(Self {
            url: format!("{}{local}{}", parts.before, parts.after),
            port: local.port(),
            accepting: tokio::spawn(accept(listener, server, Arc::clone(&network))),
            network,
        })
    }

    /// The URL of the server with the address of the proxy.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port of the proxy on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Replaces the fault that is in effect; [`Fault::None`] ends it.
    pub fn set(&self, fault: Fault) {
        self.network.fault.send_replace(fault);
        if fault == Fault::Cut {
            self.cut();
        }
    }

    /// Resets the open connections; new ones meet the fault that is in effect.
    pub fn cut(&self) {
        self.network.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Drops the state of the open connections, as a router does that restarts: both ends stay open and receive nothing.
    pub fn forget(&self) {
        self.network.forgotten.send_modify(|forgotten| *forgotten += 1);
    }

    /// How many connections the proxy has accepted so far.
    pub fn accepted(&self) -> usize {
        self.network.accepted.load(Ordering::SeqCst)
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.network.open.load(Ordering::SeqCst)
    }

    /// How many chunks clients have sent so far. A client that sends and waits for the reply sends one chunk a round
    /// trip, as long as it fits into 64 KiB.
    pub fn messages(&self) -> usize {
        self.network.messages.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, network: Arc<Network>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((client, _)) = listener.accept() => {
                network.accepted.fetch_add(1, Ordering::SeqCst);
                connections.spawn(carry(client, server, Arc::clone(&network)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
