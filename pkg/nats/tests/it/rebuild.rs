//! Messages that end the task of the client, or its connection.

use std::sync::Arc;

use bytes::Bytes;
use underpin_errors::{HealthCheck, HealthStatus};
use underpin_logger::testing::CaptureLogger;
use underpin_nats::{Connection, NatsError};
use underpin_testkit::NatsServer;

use crate::support::{connect, echo, eventually, publish_raw, settings, soon, synced};

const BARE_CR: &[u8] = b"NATS/1.0\r\nA: b\rc\r\n\r\n";

#[tokio::test]
async fn a_panic_in_the_parser_is_noticed_and_the_client_rebuilt() {
    let server = NatsServer::private().await;
    echo(&server, "echo").await;
    let log = CaptureLogger::new();
    let nats = Connection::connect(&settings(&[&server]), Arc::new(log.clone())).await.unwrap();
    let before = (nats.session(), nats.link().epoch);
    let _trap = nats.client().subscribe("trap").await.unwrap();
    synced(&nats).await;
    publish_raw(&server, "trap", BARE_CR, b"{}").await;
    eventually("the end is noticed", || async { nats.link().epoch > before.1 }).await;
    eventually("it is rebuilt", || async { nats.link().rebuilds == 1 && nats.link().up }).await;
    assert!(nats.session() > before.0);
    let answer = nats.request("echo".into(), None, "again".into(), soon()).await.unwrap();
    assert_eq!(answer.payload, "again");
    assert_eq!(nats.check().await.status, HealthStatus::Up);
    assert!(log.to_string().contains("ended unexpectedly"), "{log}");
}

#[tokio::test]
async fn it_is_rebuilt_each_time_and_requests_end_with_their_client() {
    let server = NatsServer::private().await;
    let nats = connect(&settings(&[&server])).await;
    for n in 1..=3 {
        let _trap = nats.client().subscribe("trap").await.unwrap();
        let _deaf = nats.client().subscribe("deaf").await.unwrap();
        synced(&nats).await;
        let pending = nats.request("deaf".into(), None, Bytes::new(), soon());
        let (pending, ()) = tokio::join!(pending, publish_raw(&server, "trap", BARE_CR, b""));
        assert!(matches!(pending, Err(NatsError::Lost)), "{pending:?}");
        eventually("it is rebuilt", || async { nats.link().rebuilds == n && nats.link().up }).await;
    }
}

#[tokio::test]
async fn it_is_rebuilt_when_the_server_comes_back_later() {
    let server = NatsServer::private().await;
    let nats = connect(&settings(&[&server])).await;
    let _trap = nats.client().subscribe("trap").await.unwrap();
    synced(&nats).await;
    publish_raw(&server, "trap", BARE_CR, b"").await;
    server.kill().await;
    eventually("it is down", || async { !nats.link().up }).await;
    assert_eq!(nats.check().await.status, HealthStatus::Down);
    server.restart().await;
    nats.connected(soon()).await.unwrap();
    eventually("healthy", || async { nats.check().await.status == HealthStatus::Up }).await;
}

/// What the client refuses without a panic: it connects again by itself.
#[tokio::test]
async fn other_malformed_headers_cost_a_reconnect() {
    let server = NatsServer::private().await;
    let nats = connect(&settings(&[&server])).await;
    for headers in
        [&b"NATS/1.0\r\nA: \xff\r\n\r\n"[..], b"NATS/2.0\r\nA: b\r\n\r\n", b"NATS/1.0\r\nA B: c\r\n\r\n"]
    {
        let _trap = nats.client().subscribe("trap").await.unwrap();
        synced(&nats).await;
        let epoch = nats.link().epoch;
        publish_raw(&server, "trap", headers, b"").await;
        eventually("a loss", || async { nats.link().epoch > epoch && nats.link().up }).await;
    }
    assert_eq!(nats.link().rebuilds, 0);
}

#[tokio::test]
async fn a_connection_that_is_dropped_or_closed_is_not_rebuilt() {
    let server = NatsServer::private().await;
    let nats = connect(&settings(&[&server])).await;
    let client = nats.client();
    nats.close().await;
    drop(nats);
    eventually("the client ended", || async { client.publish("x", Bytes::new()).await.is_err() }).await;
    let nats = connect(&settings(&[&server])).await;
    // Closed through the escape hatch.
    nats.client().drain().await.unwrap();
    eventually("closed", || async { nats.link().closed }).await;
    assert_eq!(nats.link().rebuilds, 0);
}
