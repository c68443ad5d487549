use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const CONNECTIONS: usize = 64;
const REQUEST: &[u8] = b"GET /orders/7 HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\n\r\n";

/// Connections that are kept, each with one request at a time.
pub(crate) struct Clients(Vec<TcpStream>);

impl Clients {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let mut streams = Vec::new();
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        Ok(Self(streams))
    }

    /// Sends so many requests over all connections. How long it took.
    pub(crate) async fn requests(&mut self, times: u64) -> Duration {
        let left = Arc::new(AtomicU64::new(times));
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for mut stream in self.0.drain(..) {
            let left = Arc::clone(&left);
            tasks.spawn(async move {
                let mut read = [0; 4096];
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                    .is_ok()
                {
                    request(&mut stream, &mut read).await;
                }
                stream
            });
        }
        self.0 = tasks.join_all().await;
        began.elapsed()
    }
}

/// One request and its whole response, which ends with the body `hello`.
#[allow(clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark that fails has no figures")]
async fn request(stream: &mut TcpStream, read: &mut [u8]) {
    stream.write_all(REQUEST).await.expect("sent");
    let mut filled = 0;
    while !read[..filled].ends_with(b"\r\n\r\nhello") {
        let count = stream.read(&mut read[filled..]).await.expect("read");
        assert!(count > 0, "the server closed the connection");
        filled += count;
    }
    assert!(read.starts_with(b"HTTP/1.1 200"), "not a success");
}
