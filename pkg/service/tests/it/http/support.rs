use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Far more than anything here takes, also on a busy machine.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// An HTTP/1 client that does exactly what it is told.
pub(super) struct Client(pub(super) TcpStream);

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.expect("not refused"))
    }

    pub(super) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    pub(super) async fn get(&mut self, path: &str) {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
    }

    /// Reads until the text has arrived; what was read by then.
    pub(super) async fn read_until(&mut self, text: &str) -> String {
        let mut read = Vec::new();
        let whole = async {
            while !String::from_utf8_lossy(&read).contains(text) {
                let mut some = [0; 4096];
                let count = self.0.read(&mut some).await.unwrap();
                assert!(count > 0, "closed before {text:?}: {:?}", String::from_utf8_lossy(&read));
                read.extend_from_slice(&some[..count]);
            }
        };
        tokio::time::timeout(LIMIT, whole).await.unwrap_or_else(|_| panic!("{text:?} did not arrive"));
        String::from_utf8(read).unwrap()
    }
}

/// An HTTP/2 client on one connection.
pub(super) struct Http2Client(SendRequest<Full<Bytes>>);

impl Http2Client {
    pub(super) async fn try_connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TokioIo::new(TcpStream::connect(address).await?);
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await;
        let (send, connection) = handshake.map_err(std::io::Error::other)?;
        tokio::spawn(connection);
        Ok(Self(send))
    }

    /// None if the connection takes no more requests: this one was not sent.
    pub(super) async fn try_send(
        &mut self,
        request: hyper::Request<Full<Bytes>>,
    ) -> Option<Result<hyper::Response<Incoming>, hyper::Error>> {
        self.0.ready().await.ok()?;
        match self.0.try_send_request(request).await {
            Ok(response) => Some(Ok(response)),
            Err(mut refused) => match refused.take_message() {
                Some(_) => None,
                None => Some(Err(refused.into_error())),
            },
        }
    }
}
