//! What a test holds of NATS does what it says.

use std::time::Duration;

use async_nats::jetstream::{self, stream};
use futures_util::StreamExt;
use underpin_testkit::NatsServer;

async fn context(server: &NatsServer) -> jetstream::Context {
    jetstream::new(async_nats::connect(server.url()).await.unwrap())
}

#[tokio::test]
async fn each_server_is_empty_and_has_jetstream() {
    let (one, two) = (NatsServer::private().await, NatsServer::private().await);
    let settings =
        stream::Config { name: "ORDERS".into(), subjects: vec!["orders.>".into()], ..Default::default() };
    context(&one).await.create_stream(settings).await.unwrap();
    assert!(context(&two).await.get_stream("ORDERS").await.is_err());
}

#[tokio::test]
async fn a_killed_server_comes_back_on_its_port_with_what_was_acknowledged() {
    let server = NatsServer::private().await;
    let (url, jetstream) = (server.url().to_owned(), context(&server).await);
    let settings =
        stream::Config { name: "ORDERS".into(), subjects: vec!["orders.>".into()], ..Default::default() };
    jetstream.create_stream(settings).await.unwrap();
    jetstream.publish("orders.placed", "tea".into()).await.unwrap().await.unwrap();
    server.kill().await;
    assert!(!server.is_running());
    assert!(async_nats::connect(&url).await.is_err());
    server.restart().await;
    assert_eq!(server.url(), url);
    let stream = context(&server).await.get_stream("ORDERS").await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 1);
}

#[tokio::test]
async fn a_paused_server_keeps_its_connections_and_does_not_answer() {
    let server = NatsServer::private().await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut orders = client.subscribe("orders").await.unwrap();
    server.pause().await;
    client.publish("orders", "tea".into()).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(200), orders.next()).await.is_err(), "it answered");
    server.resume().await;
    assert_eq!(orders.next().await.unwrap().payload, "tea");
}

#[tokio::test]
async fn a_configuration_reaches_the_server_and_a_bad_one_shows_its_log() {
    let server = NatsServer::private_with("authorization { user: ada, password: lovelace }").await;
    assert!(async_nats::connect(server.url()).await.is_err());
    let options = async_nats::ConnectOptions::with_user_and_password("ada".into(), "lovelace".into());
    options.connect(server.url()).await.unwrap();
    let error = NatsServer::try_private("no_such_setting: 1").await.unwrap_err();
    assert!(error.explain().to_string().contains("no_such_setting"), "{error:?}");
}
