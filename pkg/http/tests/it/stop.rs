use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::{Router, routing::get};
use underpin_http::HttpSettings;

use super::support::{LIMIT, Served};

/// A body whose chunks are sent by the test, or that never ends.
struct Endless(Bytes, bool);

impl axum::body::HttpBody for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        if !self.1 && self.0.is_empty() {
            return std::task::Poll::Pending;
        }
        let chunk = if self.1 { self.0.clone() } else { std::mem::take(&mut self.0) };
        std::task::Poll::Ready(Some(Ok(http_body::Frame::data(chunk))))
    }
}

/// More than the socket buffers of both sides hold.
const LARGE: usize = 64 << 20;

fn routes() -> Router {
    let quiet =
        async || ([(CONTENT_TYPE, "text/event-stream")], Body::new(Endless("data: 1\n\n".into(), false)));
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/events", get(quiet))
        .route("/download", get(async || Body::new(Endless("x".into(), false)).into_response()))
        .route(
            "/flood",
            get(async || Body::new(Endless(Bytes::from(vec![b'x'; 65_536]), true)).into_response()),
        )
        .route("/large", get(async || vec![b'x'; LARGE]))
        .route("/slow", get(async || tokio::time::sleep(Duration::from_millis(300)).await))
        .route("/hangs", get(std::future::pending::<()>))
}

async fn served() -> Served {
    Served::start(HttpSettings::default(), routes()).await
}

#[tokio::test]
async fn an_idle_connection_closes_at_once_and_the_port_is_free() {
    let server = served().await;
    let mut client = server.connect().await;
    client.get("/").await;
    client.read_until("hello").await;
    let began = Instant::now();
    assert_eq!(server.stop(30_000).await, 0);
    assert!(began.elapsed() < Duration::from_secs(10), "waited for an idle client");
    assert_eq!(client.read_to_end().await, "");
    let again = tokio::net::TcpStream::connect(server.0.address().unwrap()).await;
    assert!(again.is_err());
}

#[tokio::test]
async fn a_request_in_progress_is_answered_and_told_to_close() {
    let server = served().await;
    let mut client = server.connect().await;
    client.get("/slow").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (stopped, answer) = tokio::join!(server.stop(30_000), client.read_to_end());
    assert_eq!(stopped, 0);
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn event_streams_end_in_order_and_at_once() {
    let server = served().await;
    let mut client = server.connect().await;
    client.get("/events").await;
    client.read_until("data: 1").await;
    let (stopped, rest) = tokio::join!(server.stop(30_000), client.read_to_end());
    assert_eq!(stopped, 0);
    assert!(rest.ends_with("0\r\n\r\n"), "the stream has a proper end: {rest:?}");
}

#[tokio::test]
async fn what_does_not_end_is_cut_at_the_deadline_and_counted() {
    let server = served().await;
    let mut clients = Vec::new();
    for path in ["/hangs", "/download", "/flood"] {
        let mut client = server.connect().await;
        client.get(path).await;
        clients.push(client);
    }
    clients[1].read_until("x").await;
    clients[2].read_until("xxx").await;
    let began = Instant::now();
    assert_eq!(server.stop(800).await, 3);
    assert!(began.elapsed() < LIMIT);
    for client in &mut clients {
        client.closed().await;
    }
}

/// hyper drops the body once it has buffered the last chunk, long before the client has read it.
#[tokio::test]
async fn a_response_that_is_buffered_and_not_sent_yet_is_finished() {
    let server = served().await;
    let mut client = server.connect().await;
    client.get("/large").await;
    let mut read = client.read_until("xxx").await.len();
    let stopping = async { (server.stop(60_000).await, Instant::now()) };
    let reading = async {
        // Longer than a connection without a request is waited for.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let began = Instant::now();
        read += client.read_to_end().await.len();
        began
    };
    let ((cut, stopped), began) = tokio::join!(stopping, reading);
    assert_eq!(cut, 0);
    assert!(stopped > began, "the stop waits for the response");
    assert!(read > LARGE, "{read} of {LARGE} bytes");
}

#[tokio::test]
async fn half_a_head_does_not_hold_the_stop() {
    let server = served().await;
    let mut fresh = server.connect().await;
    fresh.send("GET / HT").await;
    let mut used = server.connect().await;
    used.get("/").await;
    used.read_until("hello").await;
    used.send("GET / HTTP/1.1\r\nhost:").await;
    let silent = server.connect().await;
    let began = Instant::now();
    assert_eq!(server.stop(60_000).await, 0);
    assert!(began.elapsed() < LIMIT, "they were waited for until the deadline");
    drop(silent);
}
