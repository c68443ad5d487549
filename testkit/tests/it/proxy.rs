//! Each fault of the proxy, seen by a client of a server that sends back what it gets.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use underpin_testkit::{Direction, Fault, Proxy, eventually};

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(20);

/// A proxy to an echo server.
async fn proxy() -> Proxy {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ended = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    Proxy::to(&address).await
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await.unwrap()
}

async fn echoes(stream: &mut TcpStream, byte: u8) -> bool {
    stream.write_all(&[byte]).await.unwrap();
    hears(stream, byte, LONG).await
}

async fn hears(stream: &mut TcpStream, byte: u8, within: Duration) -> bool {
    let mut answer = [0];
    timeout(within, stream.read_exact(&mut answer)).await.is_ok_and(|read| read.is_ok()) && answer == [byte]
}

async fn is_reset(stream: &mut TcpStream) -> bool {
    let ended = timeout(LONG, stream.read(&mut [0])).await.unwrap();
    ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
}

#[tokio::test]
async fn a_cut_resets_open_connections_and_new_ones() {
    let proxy = proxy().await;
    let mut stream = connect(&proxy).await;
    assert!(echoes(&mut stream, 1).await);
    proxy.set(Fault::Cut);
    assert!(is_reset(&mut stream).await);
    assert!(is_reset(&mut connect(&proxy).await).await);
    proxy.set(Fault::None);
    assert!(echoes(&mut connect(&proxy).await, 2).await);
}

#[tokio::test]
async fn a_single_cut_spares_new_connections() {
    let proxy = proxy().await;
    let mut stream = connect(&proxy).await;
    assert!(echoes(&mut stream, 1).await);
    proxy.cut();
    assert!(is_reset(&mut stream).await);
    assert!(echoes(&mut connect(&proxy).await, 2).await);
}

#[tokio::test]
async fn a_refusal_spares_open_connections() {
    let proxy = proxy().await;
    let mut stream = connect(&proxy).await;
    assert!(echoes(&mut stream, 1).await);
    proxy.set(Fault::Refuse);
    assert!(is_reset(&mut connect(&proxy).await).await);
    assert!(echoes(&mut stream, 2).await);
}

#[tokio::test]
async fn new_connections_wait_while_open_ones_work() {
    let proxy = proxy().await;
    let mut stream = connect(&proxy).await;
    assert!(echoes(&mut stream, 1).await);
    proxy.set(Fault::HoldNew);
    let mut held = connect(&proxy).await;
    held.write_all(&[2]).await.unwrap();
    assert!(!hears(&mut held, 2, SHORT).await);
    assert!(echoes(&mut stream, 3).await);
    proxy.set(Fault::None);
    assert!(hears(&mut held, 2, LONG).await);
}

#[tokio::test]
async fn frozen_bytes_arrive_late_and_none_is_lost() {
    for direction in [Direction::ToServer, Direction::ToClient, Direction::Both] {
        let proxy = proxy().await;
        let mut stream = connect(&proxy).await;
        assert!(echoes(&mut stream, 1).await);
        proxy.set(Fault::Freeze(direction));
        stream.write_all(&[2]).await.unwrap();
        assert!(!hears(&mut stream, 2, SHORT).await, "{direction:?}");
        proxy.set(Fault::None);
        assert!(hears(&mut stream, 2, LONG).await, "{direction:?}");
    }
}

#[tokio::test]
async fn discarded_bytes_are_lost_and_later_ones_arrive() {
    for direction in [Direction::ToServer, Direction::ToClient, Direction::Both] {
        let proxy = proxy().await;
        let mut stream = connect(&proxy).await;
        assert!(echoes(&mut stream, 1).await);
        proxy.set(Fault::Discard(direction));
        stream.write_all(&[2]).await.unwrap();
        assert!(!hears(&mut stream, 2, SHORT).await, "{direction:?}");
        proxy.set(Fault::None);
        assert!(echoes(&mut stream, 3).await, "{direction:?}");
    }
}

#[tokio::test]
async fn a_forgotten_connection_stays_open_and_silent_while_a_new_one_works() {
    let proxy = proxy().await;
    let mut stream = connect(&proxy).await;
    assert!(echoes(&mut stream, 1).await);
    proxy.forget();
    stream.write_all(&[2]).await.unwrap();
    assert!(!hears(&mut stream, 2, SHORT).await);
    assert!(echoes(&mut connect(&proxy).await, 3).await);
}

#[tokio::test]
async fn latency_delays_both_directions() {
    let proxy = proxy().await;
    let mut stream = connect(&proxy).await;
    proxy.set(Fault::Latency(Duration::from_millis(50)));
    let started = Instant::now();
    assert!(echoes(&mut stream, 1).await);
    assert!(started.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn bandwidth_limits_the_rate() {
    let proxy = proxy().await;
    let mut stream = connect(&proxy).await;
    assert!(echoes(&mut stream, 1).await);
    proxy.set(Fault::Bandwidth(10_000));
    let started = Instant::now();
    stream.write_all(&[2; 3_000]).await.unwrap();
    let mut answer = [0; 3_000];
    timeout(LONG, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert!(started.elapsed() >= Duration::from_millis(250), "{:?}", started.elapsed());
}

#[tokio::test]
async fn connections_and_round_trips_are_counted() {
    let proxy = proxy().await;
    let mut first = connect(&proxy).await;
    for byte in 0..3 {
        assert!(echoes(&mut first, byte).await);
    }
    assert!(echoes(&mut connect(&proxy).await, 1).await);
    assert_eq!((proxy.messages(), proxy.accepted()), (4, 2));
    eventually(LONG, "the second one is closed", async || proxy.open() == 1).await;
}

#[tokio::test]
async fn the_url_leads_through_the_proxy() {
    let proxy = Proxy::to("postgres://ada:love@localhost:5432/app?sslmode=disable").await;
    let expected = format!("postgres://ada:love@127.0.0.1:{}/app?sslmode=disable", proxy.port());
    assert_eq!(proxy.url(), expected);
    let unknown = Proxy::try_to("nats://no-such-host.invalid").await.unwrap_err();
    assert!(unknown.to_string().contains("no-such-host.invalid"), "{unknown}");
}
