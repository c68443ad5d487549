use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use underpin_errors::{HealthCheck, HealthStatus};
use underpin_logger::NoopLogger;
use underpin_nats::{Connection, NatsError, Reply};
use underpin_testkit::NatsServer;

use crate::support::{connect, echo, eventually, settings, soon};

#[tokio::test]
async fn a_request_gets_its_answer() {
    let server = NatsServer::private().await;
    echo(&server, "echo").await;
    let nats = connect(&settings(&[&server])).await;
    let answer = nats.request("echo".into(), None, "hello".into(), soon()).await.unwrap();
    assert_eq!(answer.payload, "hello");
    let missing = nats.request("nowhere".into(), None, Bytes::new(), soon()).await.unwrap_err();
    assert!(matches!(&missing, NatsError::NoResponders { subject } if subject == "nowhere"), "{missing:?}");
}

#[tokio::test]
async fn a_request_without_an_answer_ends_in_time_and_leaves_nothing() {
    let server = NatsServer::private().await;
    let nats = connect(&settings(&[&server])).await;
    let _deaf = nats.client().subscribe("deaf").await.unwrap();
    let until = Instant::now() + Duration::from_millis(200);
    let error = nats.request("deaf".into(), None, Bytes::new(), until).await.unwrap_err();
    assert!(matches!(error, NatsError::Timeout { .. }) && error.is_ambiguous(), "{error:?}");
    assert_eq!(nats.check().await.details["pending_requests"], 0);
}

#[tokio::test]
async fn a_lost_link_ends_the_requests_of_its_epoch_and_nothing_is_sent_meanwhile() {
    let server = NatsServer::private().await;
    let nats = connect(&settings(&[&server])).await;
    let _deaf = nats.client().subscribe("deaf").await.unwrap();
    let (asked, epoch) = (Instant::now(), nats.link().epoch);
    let pending = nats.request("deaf".into(), None, Bytes::new(), soon());
    let (pending, ()) = tokio::join!(pending, server.kill());
    assert!(matches!(pending, Err(NatsError::Lost)), "{pending:?}");
    assert!(asked.elapsed() < Duration::from_secs(10), "it ended with the link, not at its deadline");
    eventually("the loss is known", || async { !nats.link().up }).await;

    let unsent = nats.publish("late".into(), None, None, "x".into()).await;
    assert!(matches!(unsent, Err(NatsError::Disconnected)), "{unsent:?}");
    assert_eq!(nats.check().await.status, HealthStatus::Down);
    server.restart().await;
    assert!(nats.connected(soon()).await.unwrap() > epoch);
    eventually("healthy again", || async { nats.check().await.status == HealthStatus::Up }).await;
}

#[tokio::test]
async fn the_answers_of_a_batch_come_under_their_numbers() {
    let server = NatsServer::private().await;
    echo(&server, "echo").await;
    let nats = connect(&settings(&[&server])).await;
    let mut inbox = nats.reply_inbox().await.unwrap();
    for n in 0..10_u64 {
        let (number, reply) = inbox.number();
        assert_eq!(number, n);
        nats.publish("echo".into(), Some(reply), None, n.to_string().into()).await.unwrap();
    }
    for n in 0..10_u64 {
        let Reply::Answer(number, message) = inbox.next().await else { panic!("no answer") };
        assert_eq!((number, message.payload), (n, n.to_string().into()));
    }
    nats.release_inbox(inbox);
    assert_eq!(nats.reply_inbox().await.unwrap().next_number(), 10, "it is used again");
}

#[tokio::test]
async fn a_frozen_server_is_unhealthy_and_calls_end() {
    let server = NatsServer::private().await;
    let nats = connect(&settings(&[&server]).ping_interval(Duration::from_secs(30))).await;
    server.pause().await;
    let until = Instant::now() + Duration::from_millis(300);
    assert!(nats.request("x".into(), None, Bytes::new(), until).await.is_err());
    assert_eq!(nats.check().await.status, HealthStatus::Down);
    server.resume().await;
    eventually("healthy again", || async { nats.check().await.status == HealthStatus::Up }).await;
}

#[tokio::test]
async fn closing_ends_every_clone() {
    let server = NatsServer::private().await;
    let nats = connect(&settings(&[&server])).await;
    let clone = nats.clone();
    nats.close().await;
    assert!(clone.link().closed);
    assert!(matches!(clone.publish("x".into(), None, None, Bytes::new()).await, Err(NatsError::Closed)));
    assert!(matches!(clone.request("x".into(), None, Bytes::new(), soon()).await, Err(NatsError::Closed)));
    nats.close().await;
}

#[tokio::test]
async fn versions_and_the_api_level_are_known() {
    let server = NatsServer::private().await;
    let nats = connect(&settings(&[&server])).await;
    nats.require("anything", "2.1.0").unwrap();
    let error = nats.require("time travel", "99.0.0").unwrap_err();
    assert!(error.to_string().contains("time travel needs 99.0.0"), "{error}");
    let level = nats.api_level(None).await.unwrap();
    assert_eq!(level > 0, nats.require("levels", "2.11.0").is_ok(), "{level}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_in_time() {
    let settings =
        underpin_nats::NatsSettings::new("nats://127.0.0.1:1").connect_timeout(Duration::from_millis(500));
    let error = Connection::connect(&settings, Arc::new(NoopLogger)).await.unwrap_err();
    assert!(matches!(error, NatsError::Connect { .. }) && error.is_retryable(), "{error:?}");
}
