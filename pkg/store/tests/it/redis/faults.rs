//! Calls while servers and networks fail.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use underpin_errors::{HealthCheck, HealthStatus};
use underpin_store::{
    BucketSettings, Expect, Key, KeyPattern, KeyValue, KeyValueExt, Revision, StoreError, Ttl,
};
use underpin_testkit::{Direction, Fault, Proxy, ValkeyServer, eventually};

use super::{connect, open, private};
use crate::support::LIMIT;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_ends_with_a_frozen_server() {
    let (server, store) = private(BucketSettings::new("carts").key_ttl(true)).await;
    let key = Key::new("a").unwrap();
    store.set(&key, "x").await.unwrap();
    server.pause().await;
    let calls = async {
        tokio::join!(
            async { store.read("a").await.map(drop) },
            async { store.set("a", "y").await.map(drop) },
            async { store.create("b", "y", Ttl::Bucket).await.map(drop) },
            async { store.remove("c").await },
            async { store.purge(&key, Expect::Anything).await },
            async { store.history(&key).await.map(drop) },
            async { store.all_keys(&KeyPattern::all()).await.map(drop) },
            async { store.status().await.map(drop) },
        )
    };
    let (get, put, create, delete, purge, history, keys, status) =
        timeout(LIMIT, calls).await.expect("every call ends");
    for failed in [&get, &history, &keys, &status] {
        assert!(matches!(failed, Err(StoreError::Timeout { .. })), "{failed:?}");
    }
    for failed in [put, create, delete, purge] {
        assert!(failed.as_ref().is_err_and(StoreError::is_ambiguous), "{failed:?}");
    }
    assert_eq!(HealthCheck::check(&store).await.status, HealthStatus::Down);
    server.resume().await;
    eventually(LIMIT, "it works again", async || store.set("a", "z").await.is_ok()).await;
    assert_eq!(HealthCheck::check(&store).await.status, HealthStatus::Up);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_failed_without_a_connection_is_written_later() {
    let (server, store) = private(BucketSettings::new("carts")).await;
    store.set("before", "x").await.unwrap();
    server.kill().await;
    eventually(LIMIT, "the loss is noticed", async || {
        matches!(store.set("a", "x").await, Err(StoreError::Disconnected))
    })
    .await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(300) {
        let failed = store.set("b", "x").await.expect_err("no server");
        assert!(matches!(failed, StoreError::Disconnected), "{failed:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.restart().await;
    eventually(LIMIT, "it works again", async || store.set("c", "y").await.is_ok()).await;
    assert!(store.read("b").await.unwrap().is_none());
    assert_eq!(store.read("before").await.unwrap().unwrap().value, "x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_survives_the_loss_of_a_connection() {
    let server = ValkeyServer::private().await;
    let proxy = Proxy::to(server.url()).await;
    let store = open(&connect(proxy.url()).await, BucketSettings::new("carts")).await;
    store.set("a", "x").await.unwrap();
    for _ in 0..5 {
        proxy.set(Fault::Cut);
        eventually(LIMIT, "the connection is cut", async || proxy.open() == 0).await;
        proxy.set(Fault::None);
        assert_eq!(store.read("a").await.unwrap().unwrap().value, "x");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_answer_is_lost_is_unconfirmed_and_happened_once() {
    let server = ValkeyServer::private().await;
    let proxy = Proxy::to(server.url()).await;
    let store = open(&connect(proxy.url()).await, BucketSettings::new("carts")).await;
    let other = open(&connect(server.url()).await, BucketSettings::new("carts")).await;
    let mut revision = store.create("count", "0", Ttl::Bucket).await.unwrap();
    for round in 1..=3 {
        // The write arrives, and its answer is lost.
        proxy.set(Fault::Discard(Direction::ToClient));
        let value = round.to_string();
        let writer = tokio::spawn({
            let (store, value) = (store.clone(), value.clone());
            async move { store.update("count", value, revision).await }
        });
        eventually(LIMIT, "it arrives", async || {
            other.read("count").await.unwrap().is_some_and(|entry| entry.value == value)
        })
        .await;
        proxy.set(Fault::Cut);
        let written = timeout(LIMIT, writer).await.expect("it ends").expect("no panic");
        proxy.set(Fault::None);
        let stored = other.read("count").await.unwrap().unwrap();
        assert!(stored.value == value && stored.revision > revision);
        match written {
            // The answer was in flight when the connection ended.
            Ok(written) => assert_eq!(written, stored.revision),
            Err(error) => assert!(error.is_ambiguous(), "{error:?}"),
        }
        revision = stored.revision;
        eventually(LIMIT, "the link is back", async || store.read("count").await.is_ok()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revisions_grow_over_a_kill_and_a_loss_of_all_data() {
    let (server, store) = private(BucketSettings::new("carts")).await;
    let mut last = Revision::default();
    for round in 0..3 {
        eventually(LIMIT, "it works again", async || store.read("a").await.is_ok()).await;
        let written = store.set("a", "x").await.unwrap();
        assert!(written > last, "round {round}");
        last = written;
        server.kill().await;
        server.restart().await;
    }
    let connection = connect(server.url()).await;
    let mut client = connection.client().await.unwrap();
    redis::cmd("FLUSHALL").query_async::<()>(&mut client).await.unwrap();
    let store = open(&connection, BucketSettings::new("carts")).await;
    assert!(store.set("a", "x").await.unwrap() > last);
}
