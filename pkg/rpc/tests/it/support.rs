use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use underpin_logger::{Context, NoopLogger};
use underpin_nats::{Connection, NatsSettings, ReconnectSettings};
use underpin_rpc::nats::NatsRpc;
use underpin_rpc::{Call, Handler, Reply, Request, RpcSettings, handler_fn, handler_fn_with};
use underpin_testkit::NatsServer;

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Settings with short limits, so that a fault is over soon.
pub(crate) fn settings(url: &str) -> NatsSettings {
    NatsSettings::new(url)
        .connect_timeout(LIMIT)
        .request_timeout(Duration::from_secs(10))
        .ping_interval(Duration::from_millis(500))
        .reconnect(ReconnectSettings::new(Duration::from_millis(20), Duration::from_millis(200)))
}

/// A caller and host with a separate connection.
pub(crate) async fn connect(url: &str) -> NatsRpc {
    connect_with(&settings(url)).await
}

pub(crate) async fn connect_with(settings: &NatsSettings) -> NatsRpc {
    let connection = Connection::connect(settings, Arc::new(NoopLogger)).await.expect("connected");
    NatsRpc::new(connection, RpcSettings::default(), Arc::new(NoopLogger)).expect("valid settings")
}

/// A request with time enough, so that its deadline never decides.
pub(crate) fn request(subject: &'static str, body: impl Into<bytes::Bytes>) -> Request {
    Request::new(subject, body, &Context::background()).within(Duration::from_secs(60))
}

pub(crate) fn echo() -> Arc<dyn Handler> {
    handler_fn(|call: Call| async move { Ok(Reply::new(call.body().clone())) })
}

/// A handler that counts its calls and waits for permits.
#[derive(Clone)]
pub(crate) struct Gate(Arc<(Semaphore, AtomicUsize)>);

impl Gate {
    pub(crate) fn closed() -> Self {
        Self(Arc::new((Semaphore::new(0), AtomicUsize::new(0))))
    }

    pub(crate) fn handler(&self) -> Arc<dyn Handler> {
        handler_fn_with(self.clone(), async |gate: Self, call: Call| {
            gate.0.1.fetch_add(1, Ordering::SeqCst);
            gate.0.0.acquire().await.expect("never closed").forget();
            Ok(Reply::new(call.body().clone()))
        })
    }

    pub(crate) fn calls(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    pub(crate) fn open(&self, calls: usize) {
        self.0.0.add_permits(calls);
    }

    pub(crate) async fn entered(&self, calls: usize) {
        eventually("the calls run", || async { self.calls() >= calls }).await;
    }
}

/// Waits until something holds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, ask: impl FnMut() -> F) {
    underpin_testkit::eventually(LIMIT, what, ask).await;
}

/// Waits for something that should happen.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, future).await {
        Ok(done) => done,
        Err(_) => panic!("{what}: did not happen within {LIMIT:?}"),
    }
}

/// Publishes a message with a header block as it is, which no client would write.
pub(crate) async fn publish_raw(server: &NatsServer, subject: &str, headers: &[u8]) {
    let mut socket = TcpStream::connect(server.url().trim_start_matches("nats://")).await.unwrap();
    let mut bytes = b"CONNECT {\"headers\":true,\"verbose\":false}\r\n".to_vec();
    bytes.extend(format!("HPUB {subject} {0} {0}\r\n", headers.len()).into_bytes());
    bytes.extend(headers.iter().chain(b"\r\nPING\r\n"));
    socket.write_all(&bytes).await.unwrap();
    let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
    while !answer.windows(4).any(|window| window == b"PONG") {
        let length = socket.read(&mut buffer).await.unwrap();
        assert_ne!(length, 0, "the server refused: {}", String::from_utf8_lossy(&answer));
        answer.extend(&buffer[..length]);
    }
}
