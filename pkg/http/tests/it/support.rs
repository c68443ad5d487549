use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, HttpBody};
use http_body::Frame;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use underpin_http::{HttpServer, HttpSettings};

/// Far more than anything here takes, also on a busy machine.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// A server on a port of its own.
pub(super) struct Served(pub(super) HttpServer);

impl Served {
    pub(super) async fn start(settings: HttpSettings, routes: Router) -> Self {
        let http = HttpServer::new(&settings.port(0), routes);
        http.start().await.unwrap();
        Self(http)
    }

    pub(super) async fn connect(&self) -> Client {
        Client::connect(self.0.address().unwrap()).await
    }

    pub(super) async fn http2(&self) -> Http2Client {
        Http2Client::connect(self.0.address().unwrap()).await
    }

    /// Stops within so many milliseconds. How many requests were cut.
    pub(super) async fn stop(&self, within: u64) -> usize {
        self.0.stop(Duration::from_millis(within)).await
    }
}

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

    /// Reads until the server closes; what came before. A reset fails.
    pub(super) async fn read_to_end(&mut self) -> String {
        let mut read = String::new();
        let whole = self.0.read_to_string(&mut read);
        tokio::time::timeout(LIMIT, whole).await.expect("closed in time").expect("closed in order");
        read
    }

    /// Waits for the end of the connection, in order or not.
    pub(super) async fn closed(&mut self) {
        let mut dropped = Vec::new();
        let whole = self.0.read_to_end(&mut dropped);
        let _reset = tokio::time::timeout(LIMIT, whole).await.expect("closed in time");
    }
}

/// An HTTP/2 client on one connection.
pub(super) struct Http2Client(SendRequest<Full<Bytes>>);

impl Http2Client {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).await.unwrap()
    }

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

    pub(super) async fn send(
        &mut self,
        request: hyper::Request<Full<Bytes>>,
    ) -> Result<hyper::Response<Incoming>, hyper::Error> {
        let sent = tokio::time::timeout(LIMIT, self.try_send(request)).await;
        sent.expect("answered in time").expect("the connection takes requests")
    }
}

/// A body that panics when it is read.
pub(super) struct Panicking;

impl HttpBody for Panicking {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("in the body")
    }
}

/// A body of which nothing ever comes.
pub(super) struct Never;

impl HttpBody for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// A body without an end. The receiver learns when it is dropped.
pub(super) struct Flood {
    chunk: Bytes,
    _dropped: oneshot::Sender<()>,
}

impl Flood {
    pub(super) fn new() -> (Self, oneshot::Receiver<()>) {
        let (send, receive) = oneshot::channel();
        (Self { chunk: vec![b'x'; 65_536].into(), _dropped: send }, receive)
    }
}

impl HttpBody for Flood {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(self.chunk.clone()))))
    }
}
