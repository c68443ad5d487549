use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use underpin_errors::BoxError;

/// What the network between one worker and one server does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Bytes go through.
    Fair,
    /// Connections are reset, and new ones refused.
    Cut,
    /// Connections stay open and carry nothing; what was sent arrives when the weather is fair again.
    Stalled,
    /// Everything arrives this much later, in either direction.
    Slow(Duration),
}

/// One link: a port on the loopback interface that leads to a server, through any weather. Ends with the value.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    sky: Arc<Sky>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Sky {
    weather: watch::Sender<Weather>,
    /// Connections of an earlier generation carry nothing any more, and nobody tells their ends.
    generation: watch::Sender<u64>,
}

impl Proxy {
    /// Listens on a free port.
    pub(crate) async fn to(server: u16) -> Result<Self, BoxError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let sky =
            Arc::new(Sky { weather: watch::Sender::new(Weather::Fair), generation: watch::Sender::new(0) });
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(listen(
            listener,
            SocketAddr::from((Ipv4Addr::LOCALHOST, server)),
            Arc::clone(&sky),
        )));
        Ok(Self { port, sky, stop })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn set(&self, weather: Weather) {
        self.sky.weather.send_replace(weather);
    }

    /// Forgets the connections of this moment, as a router does that was restarted: both ends think that they are open.
    pub(crate) fn forget(&self) {
        self.sky.generation.send_modify(|generation| *generation += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn listen(listener: TcpListener, server: SocketAddr, sky: Arc<Sky>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((client, _)) = listener.accept() => {
                connections.spawn(carry(client, server, Arc::clone(&sky)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Carries one connection to its end. A failure of either side ends it, and both sides see that.
async fn carry(client: TcpStream, server: SocketAddr, sky: Arc<Sky>) {
    let mut weather = sky.weather.subscribe();
    if *weather.borrow_and_update() == Weather::Cut {
        return reset(client);
    }
    // A stalled network does not even open a connection.
    let Ok(_) = weather.wait_for(|weather| *weather != Weather::Stalled).await else { return };
    let Ok(upstream) = TcpStream::connect(server).await else { return reset(client) };
    let (mut client, mut upstream) = (client, upstream);
    // Small messages at once, as their senders want it.
    if client.set_nodelay(true).and(upstream.set_nodelay(true)).is_err() {
        return;
    }
    let cut = async { weather.wait_for(|weather| *weather == Weather::Cut).await.is_ok() };
    let was_cut = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = upstream.split();
        tokio::select! {
            was_cut = cut => was_cut,
            () = pump(from_client, to_server, &sky) => false,
            () = pump(from_server, to_client, &sky) => false,
        }
    };
    if was_cut {
        reset(client);
        reset(upstream);
    }
}

/// The other end reads "connection reset by peer".
fn reset(stream: TcpStream) {
    // A socket that is gone already needs no reset.
    let _gone = stream.set_zero_linger();
    drop(stream);
}

async fn pump(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, sky: &Sky) {
    let (mut weather, mut generation) = (sky.weather.subscribe(), sky.generation.subscribe());
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = generation.changed() => return std::future::pending().await,
        };
        let Some(bytes) = read.ok().and_then(|count| buffer.get(..count)).filter(|bytes| !bytes.is_empty())
        else {
            return;
        };
        let now = *weather.borrow_and_update();
        if let Weather::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        if weather.wait_for(|weather| *weather != Weather::Stalled).await.is_err() {
            return;
        }
        if generation.has_changed().unwrap_or(false) {
            return std::future::pending().await;
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{Instant, timeout};

    const SHORT: Duration = Duration::from_millis(200);
    const LONG: Duration = Duration::from_secs(20);

    /// A server that sends back what it gets.
    async fn echo() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    let _ended = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        port
    }

    async fn connect(proxy: &Proxy) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await.unwrap()
    }

    async fn says(stream: &mut TcpStream, byte: u8) -> bool {
        stream.write_all(&[byte]).await.unwrap();
        hears(stream, byte, LONG).await
    }

    async fn hears(stream: &mut TcpStream, byte: u8, within: Duration) -> bool {
        let mut answer = [0];
        timeout(within, stream.read_exact(&mut answer)).await.is_ok_and(|read| read.is_ok())
            && answer == [byte]
    }

    #[tokio::test]
    async fn a_cut_resets_what_is_open_and_refuses_what_comes() {
        let proxy = Proxy::to(echo().await).await.unwrap();
        let mut stream = connect(&proxy).await;
        assert!(says(&mut stream, 1).await);
        proxy.set(Weather::Cut);
        let ended = timeout(LONG, stream.read(&mut [0])).await.unwrap();
        assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        let refused = timeout(LONG, connect(&proxy).await.read(&mut [0])).await.unwrap();
        assert!(refused.is_err());
        proxy.set(Weather::Fair);
        assert!(says(&mut connect(&proxy).await, 2).await);
    }

    #[tokio::test]
    async fn a_stall_delivers_late_and_loses_nothing() {
        let proxy = Proxy::to(echo().await).await.unwrap();
        let mut stream = connect(&proxy).await;
        assert!(says(&mut stream, 1).await);
        proxy.set(Weather::Stalled);
        stream.write_all(&[2]).await.unwrap();
        assert!(!hears(&mut stream, 2, SHORT).await);
        proxy.set(Weather::Fair);
        assert!(hears(&mut stream, 2, LONG).await);
    }

    #[tokio::test]
    async fn a_forgotten_connection_stays_open_and_dead_while_a_new_one_works() {
        let proxy = Proxy::to(echo().await).await.unwrap();
        let mut stream = connect(&proxy).await;
        assert!(says(&mut stream, 1).await);
        proxy.forget();
        stream.write_all(&[2]).await.unwrap();
        assert!(!hears(&mut stream, 2, SHORT).await);
        assert!(says(&mut connect(&proxy).await, 3).await);
    }

    #[tokio::test]
    async fn a_slow_link_delays_both_directions() {
        let proxy = Proxy::to(echo().await).await.unwrap();
        let mut stream = connect(&proxy).await;
        proxy.set(Weather::Slow(Duration::from_millis(50)));
        let started = Instant::now();
        assert!(says(&mut stream, 1).await);
        assert!(started.elapsed() >= Duration::from_millis(100));
    }
}
