use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use underpin_logger::NoopLogger;
use underpin_nats::{Connection, NatsSettings, ReconnectSettings};
use underpin_store::{BucketSettings, JetStreamKeyValue, JetStreamStore, StoreSettings};
use underpin_testkit::NatsServer;

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A connection with short limits, so that a fault is over soon.
pub(crate) async fn connect(url: &str) -> Connection {
    let settings = NatsSettings::new(url)
        .connect_timeout(Duration::from_secs(10))
        .request_timeout(Duration::from_secs(5))
        .ping_interval(Duration::from_millis(500))
        .reconnect(ReconnectSettings::new(Duration::from_millis(20), Duration::from_millis(200)));
    Connection::connect(&settings, Arc::new(NoopLogger)).await.expect("connected")
}

/// A store with one bucket on a server.
pub(crate) async fn open(nats: &Connection, bucket: BucketSettings) -> JetStreamKeyValue {
    let (name, settings) = (bucket.name.clone(), StoreSettings::default().bucket(bucket));
    let store = JetStreamStore::open(nats.clone(), &settings, Arc::new(NoopLogger)).await.expect("opened");
    store.key_value(&name).expect("a bucket")
}

/// A private server with a bucket on it.
pub(crate) async fn private(bucket: BucketSettings) -> (NatsServer, JetStreamKeyValue) {
    let server = NatsServer::private().await;
    let nats = connect(server.url()).await;
    let store = open(&nats, bucket).await;
    (server, store)
}

/// Waits until something holds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, ask: impl FnMut() -> F) {
    underpin_testkit::eventually(LIMIT, what, ask).await;
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
