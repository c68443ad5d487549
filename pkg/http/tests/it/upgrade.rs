//! Connections that a handler takes over.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use http::header::{CONNECTION, UPGRADE};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use underpin_http::HttpSettings;

use super::support::{Client, LIMIT, Served};

/// Switches protocols; then sends without ever reading, until it cannot. The channel learns of it.
fn routes(ended: UnboundedSender<std::io::Error>) -> Router {
    let push = async move |mut request: Request| {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut stream = TokioIo::new(upgrade.await.expect("upgraded"));
            let error = loop {
                if let Err(error) = stream.write_all(b"tick ").await {
                    break error;
                }
                tokio::task::yield_now().await;
            };
            ended.send(error).unwrap();
        });
        let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
        response.header(CONNECTION, "upgrade").header(UPGRADE, "ticks").body(Body::empty()).unwrap()
    };
    Router::new().route("/ticks", get(push))
}

async fn upgraded(drains: bool) -> (Served, Client, UnboundedReceiver<std::io::Error>, String) {
    let (ended, ends) = unbounded_channel();
    let server = Served::start(HttpSettings::default(), routes(ended)).await;
    if drains {
        server.0.drain();
    }
    let mut client = server.connect().await;
    client.send("GET /ticks HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: ticks\r\n\r\n").await;
    let answer = client.read_until("tick ").await;
    (server, client, ends, answer)
}

/// It is part of the handshake, which would fail otherwise.
#[tokio::test]
async fn a_draining_server_still_says_connection_upgrade_with_a_101() {
    let (_server, _client, _ends, answer) = upgraded(true).await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    assert!(answer.contains("connection: upgrade\r\n") && !answer.contains("close"), "{answer}");
}

#[tokio::test]
async fn the_stop_ends_an_upgraded_connection_that_only_sends() {
    let (server, client, mut ends, _) = upgraded(false).await;
    // The client reads all the time: nothing else ends the sender.
    let mut stream = client.0;
    let read = tokio::spawn(async move {
        let mut read = [0; 65_536];
        while stream.read(&mut read).await.is_ok_and(|count| count > 0) {}
    });
    assert_eq!(server.stop(1_000).await, 0, "no request is cut");
    let error = tokio::time::timeout(LIMIT, ends.recv()).await.expect("the handler learns of it").unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    tokio::time::timeout(LIMIT, read).await.expect("the client sees the end").unwrap();
}
