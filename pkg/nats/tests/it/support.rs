use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use underpin_logger::NoopLogger;
use underpin_nats::{Connection, NatsError, NatsSettings, ReconnectSettings};
use underpin_testkit::NatsServer;

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Settings with short limits, so that a fault is over soon.
pub(crate) fn settings(servers: &[&NatsServer]) -> NatsSettings {
    NatsSettings::default()
        .servers(servers.iter().map(|server| server.url()))
        .connect_timeout(Duration::from_secs(5))
        .request_timeout(Duration::from_secs(2))
        .ping_interval(Duration::from_millis(500))
        .reconnect(ReconnectSettings::new(Duration::from_millis(20), Duration::from_millis(200)))
}

pub(crate) async fn connect(settings: &NatsSettings) -> Connection {
    Connection::connect(settings, Arc::new(NoopLogger)).await.expect("connected")
}

pub(crate) fn soon() -> Instant {
    Instant::now() + LIMIT
}

/// Waits until the server has handled everything before: subscriptions, for example.
pub(crate) async fn synced(nats: &Connection) {
    let answer = nats.request(nats.client().new_inbox().into(), None, "".into(), soon()).await;
    assert!(matches!(answer, Err(NatsError::NoResponders { .. })), "{answer:?}");
}

/// Waits until something holds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, ask: impl FnMut() -> F) {
    underpin_testkit::eventually(LIMIT, what, ask).await;
}

/// Answers every request on a subject with its payload, as a service of another process would.
pub(crate) async fn echo(server: &NatsServer, subject: &'static str) {
    let peer = connect(&settings(&[server])).await;
    let mut requests = peer.client().subscribe(subject).await.unwrap();
    peer.client().flush().await.unwrap();
    tokio::spawn(async move {
        while let Some(request) = futures_util::StreamExt::next(&mut requests).await {
            if let Some(reply) = request.reply {
                drop(peer.publish(reply, None, None, request.payload).await);
            }
        }
    });
}

/// Publishes a message with a header block as it is, which no client would write.
pub(crate) async fn publish_raw(server: &NatsServer, subject: &str, headers: &[u8], payload: &[u8]) {
    let mut socket = TcpStream::connect(server.url().trim_start_matches("nats://")).await.unwrap();
    let (header_size, size) = (headers.len(), headers.len() + payload.len());
    let mut bytes = b"CONNECT {\"headers\":true,\"verbose\":false}\r\n".to_vec();
    bytes.extend(format!("HPUB {subject} {header_size} {size}\r\n").into_bytes());
    bytes.extend(headers.iter().chain(payload).chain(b"\r\nPING\r\n"));
    socket.write_all(&bytes).await.unwrap();
    let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
    while !answer.windows(4).any(|window| window == b"PONG") {
        let length = socket.read(&mut buffer).await.unwrap();
        assert_ne!(length, 0, "the server refused: {}", String::from_utf8_lossy(&answer));
        answer.extend(&buffer[..length]);
    }
}
