use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use http_body_util::Full;
use tokio::io::AsyncWriteExt as _;
use underpin_http::{HttpServer, HttpSettings, standard};
use underpin_logger::NoopLogger;

use super::support::{Client, Flood, LIMIT, Served};

fn routes() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/body", post(async |body: Bytes| body.len().to_string()))
        .layer(DefaultBodyLimit::max(1024))
}

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_slow_head_is_cut_and_an_idle_connection_closed() {
    let settings = HttpSettings::default().header_timeout(SHORT).idle_timeout(Duration::from_secs(20));
    let server = Served::start(settings, routes()).await;
    let mut silent = server.connect().await;
    let mut slow = server.connect().await;
    slow.send("GET / HTTP/1.1\r\n").await;
    let mut kept = server.connect().await;
    kept.get("/").await;
    kept.read_until("hello").await;
    silent.closed().await;
    slow.closed().await;
    // A kept connection has the idle timeout, until it begins a head.
    kept.get("/").await;
    kept.read_until("hello").await;
    kept.send("GET").await;
    kept.closed().await;

    let settings = HttpSettings::default().idle_timeout(SHORT);
    let server = Served::start(settings, routes()).await;
    let mut idle = server.connect().await;
    idle.get("/").await;
    idle.read_until("hello").await;
    assert_eq!(idle.read_to_end().await, "");
}

#[tokio::test]
async fn a_refusal_is_read_by_a_client_that_is_still_sending() {
    let server = Served::start(HttpSettings::default(), routes()).await;
    let mut client = server.connect().await;
    client.send("POST /body HTTP/1.1\r\nhost: test\r\ncontent-length: 20000000\r\n\r\n").await;
    // All of it first, and only then the answer.
    let chunk = vec![b'x'; 100_000];
    for _ in 0..200 {
        client.0.write_all(&chunk).await.unwrap();
    }
    let answer = client.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn a_connection_beyond_the_cap_waits_and_idle_ones_make_room() {
    let server = Served::start(HttpSettings::default().max_connections(2), routes()).await;
    let mut busy = Vec::new();
    for _ in 0..2 {
        let mut client = server.connect().await;
        client.get("/").await;
        client.read_until("hello").await;
        busy.push(client);
    }
    let mut third = server.connect().await;
    third.get("/").await;
    third.read_until("hello").await;
}

#[tokio::test]
async fn two_thousand_half_open_connections_leave_room_for_a_request() {
    let server = Served::start(HttpSettings::default(), routes()).await;
    let mut open: Vec<Client> = Vec::new();
    for _ in 0..2000 {
        let mut client = server.connect().await;
        client.send("GET / HTTP/1.1\r\nx-half:").await;
        open.push(client);
    }
    let mut client = server.connect().await;
    client.get("/").await;
    client.read_until("hello").await;
    assert_eq!(server.stop(60_000).await, 0);
}

#[tokio::test]
async fn the_last_request_and_the_last_moment_of_a_connection_are_announced() {
    let server = Served::start(HttpSettings::default().max_requests_per_connection(2), routes()).await;
    let mut client = server.connect().await;
    client.get("/").await;
    assert!(!client.read_until("hello").await.contains("close"));
    client.get("/").await;
    let last = client.read_to_end().await;
    assert!(last.contains("connection: close") && last.contains("hello"), "{last}");

    let aged = HttpSettings::default().max_connection_age(SHORT).header_timeout(SHORT);
    let server = Served::start(aged, routes()).await;
    let mut client = server.connect().await;
    client.get("/").await;
    client.read_until("hello").await;
    loop {
        client.get("/").await;
        if client.read_until("hello").await.contains("connection: close") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(client.read_to_end().await, "");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut() {
    let (flood, dropped) = Flood::new();
    let body = Arc::new(Mutex::new(Some(Body::new(flood))));
    let routes =
        Router::new().route("/", get(move || std::future::ready(body.lock().unwrap().take().unwrap())));
    let server = Served::start(HttpSettings::default().write_timeout(SHORT), routes).await;
    let mut client = server.connect().await;
    client.get("/").await;
    // The body has no end: it is dropped with its connection.
    let cut = tokio::time::timeout(LIMIT, dropped).await.expect("the response is cut");
    assert!(cut.is_err(), "the sender is dropped");
}

#[tokio::test]
async fn a_port_in_use_names_the_setting() {
    let first = Served::start(HttpSettings::default(), routes()).await;
    let port = first.0.address().unwrap().port();
    let second = HttpServer::new(&HttpSettings::default().port(port), routes()).named("internal");
    let error = second.start().await.unwrap_err();
    assert!(underpin_errors::Report(&error).to_string().contains("internal.port"), "{error}");
}

/// Streams that are reset before they are served cost the server something and the client nothing.
#[tokio::test]
async fn a_flood_of_reset_streams_closes_the_connection() {
    let server = Served::start(HttpSettings::default(), routes()).await;
    let mut flood = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    flood.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    for stream in (1_u32..4_000).step_by(2) {
        // HEADERS that end the stream: GET http://test/. Then RST_STREAM with CANCEL.
        flood.extend([0, 0, 9, 1, 5]);
        flood.extend(stream.to_be_bytes());
        flood.extend(b"\x82\x86\x84\x41\x04test");
        flood.extend([0, 0, 4, 3, 0]);
        flood.extend(stream.to_be_bytes());
        flood.extend([0, 0, 0, 8]);
    }
    let mut client = server.connect().await;
    // The server may close before it has taken everything.
    let _closed = client.0.write_all(&flood).await;
    client.closed().await;
    let mut other = server.connect().await;
    other.get("/").await;
    other.read_until("hello").await;
    assert_eq!(server.stop(30_000).await, 0);
}

#[tokio::test]
async fn a_slow_body_is_answered_with_408_and_the_connection_closed() {
    let settings = HttpSettings::default().request_timeout(SHORT);
    let routes = standard(routes(), &settings, Arc::new(NoopLogger));
    let server = Served::start(settings, routes).await;
    let mut client = server.connect().await;
    client.send("POST /body HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\nslow").await;
    let answer = client.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("REQUEST_TIMEOUT"), "{answer}");
}

#[tokio::test]
async fn a_panic_without_containment_ends_its_connection_only() {
    let panics = Router::new().route("/panics", get(async || -> &'static str { panic!("on purpose") }));
    let server = Served::start(HttpSettings::default(), panics.merge(routes())).await;
    let mut client = server.connect().await;
    client.get("/panics").await;
    client.closed().await;
    let mut other = server.connect().await;
    other.get("/").await;
    other.read_until("hello").await;
    assert_eq!(server.stop(30_000).await, 0, "the request is not counted for ever");
}

#[tokio::test]
async fn idle_and_aged_http2_connections_end_with_a_goaway() {
    let idle = HttpSettings::default().idle_timeout(SHORT);
    let aged = HttpSettings::default().max_connection_age(SHORT).header_timeout(SHORT);
    for settings in [idle, aged] {
        let server = Served::start(settings, routes()).await;
        let mut client = server.http2().await;
        let request = || hyper::Request::get("http://test/").body(Full::default()).unwrap();
        assert_eq!(client.send(request()).await.unwrap().status(), 200);
        let closed = async {
            while client.try_send(request()).await.is_some_and(|response| response.unwrap().status() == 200) {
                tokio::time::sleep(SHORT * 2).await;
            }
        };
        tokio::time::timeout(LIMIT, closed).await.expect("the connection takes no more requests");
    }
}
