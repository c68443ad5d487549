//! Writes and reads while servers and networks fail.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use underpin_errors::{HealthCheck, HealthStatus};
use underpin_store::{
    BucketSettings, Expect, Key, KeyPattern, KeyValue, KeyValueExt, StoreError, Ttl, WatchOptions,
};
use underpin_testkit::{Direction, Fault, NatsServer, Proxy};

use crate::support::{LIMIT, connect, eventually, open, private};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_ends_with_a_frozen_server() {
    let (server, store) = private(BucketSettings::new("carts").key_ttl(true)).await;
    let key = Key::new("a").unwrap();
    store.set(&key, "x").await.unwrap();
    server.pause().await;
    let began = Instant::now();
    let calls = async {
        tokio::join!(
            async { store.read("a").await.map(drop) },
            async { store.set("a", "y").await.map(drop) },
            async { store.create("b", "y", Ttl::Bucket).await.map(drop) },
            async { store.remove("c").await },
            async { store.purge(&key, Expect::Anything).await },
            async { store.history(&key).await.map(drop) },
            async { store.all_keys(&KeyPattern::all()).await.map(drop) },
            async { store.watch(WatchOptions::all()).await.map(drop) },
            async { store.status().await.map(drop) },
            async { store.forget_removals(Duration::ZERO).await.map(drop) },
        )
    };
    let (get, put, create, delete, purge, history, keys, watch, status, forget) =
        timeout(LIMIT * 2, calls).await.expect("every call ends");
    assert!(began.elapsed() < LIMIT * 2);
    for failed in [get, put, create, delete, purge, history, keys, watch, status, forget] {
        let error = failed.expect_err("a frozen server answers nothing");
        assert!(error.is_retryable(), "{error:?}");
    }
    assert_eq!(HealthCheck::check(&store).await.status, HealthStatus::Down);
    server.resume().await;
    eventually("it works again", || async { store.set("a", "z").await.is_ok() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_failed_without_a_connection_is_written_later() {
    let (server, store) = private(BucketSettings::new("carts")).await;
    server.stop().await;
    let failed = store.set("a", "x").await.expect_err("no server");
    assert!(matches!(failed, StoreError::Disconnected), "{failed:?}");
    server.restart().await;
    eventually("it works again", || async { store.set("b", "y").await.is_ok() }).await;
    assert!(store.read("a").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_acknowledgement_does_not_write_twice() {
    let server = NatsServer::private().await;
    let proxy = Proxy::to(server.url()).await;
    let (behind, direct) = (connect(proxy.url()).await, connect(server.url()).await);
    let store = open(&behind, BucketSettings::new("carts").history(64)).await;
    let other = open(&direct, BucketSettings::new("carts").history(64)).await;
    let count = Key::new("count").unwrap();
    let mut revision = store.create(&count, "0", Ttl::Bucket).await.unwrap();
    for round in 1..=5 {
        // The write arrives, and its acknowledgement does not: the connection ends before it.
        proxy.set(Fault::Freeze(Direction::ToClient));
        let value = round.to_string();
        let writer = tokio::spawn({
            let (store, count, value) = (store.clone(), count.clone(), value.clone());
            async move { store.update(&count, value, revision).await }
        });
        let arrived = async || other.read(&count).await.unwrap().is_some_and(|entry| entry.value == value);
        eventually("it arrives", arrived).await;
        proxy.set(Fault::Cut);
        tokio::time::sleep(Duration::from_millis(20)).await;
        proxy.set(Fault::None);
        let written = timeout(LIMIT, writer).await.expect("it ends").expect("no panic");
        let stored = other.read(&count).await.unwrap().unwrap().revision;
        match written {
            Ok(written) => assert_eq!(written, stored),
            Err(error) => assert!(error.is_ambiguous(), "{error:?}"),
        }
        revision = stored;
        eventually("the link is back", || async { store.status().await.is_ok() }).await;
    }
    assert_eq!(other.history(&count).await.unwrap().len(), 6, "each update is one write");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_bucket_says_what_to_do() {
    let (server, store) = private(BucketSettings::new("carts")).await;
    let nats = connect(server.url()).await;
    let until = Instant::now() + LIMIT;
    nats.request("$JS.API.STREAM.DELETE.KV_carts".into(), None, "".into(), until).await.unwrap();
    let errors = [
        store.read("a").await.map(drop),
        store.get(&Key::new("a").unwrap(), underpin_store::Read::Any).await.map(drop),
        store.set("a", "x").await.map(drop),
        store.remove("a").await,
        store.watch(WatchOptions::all()).await.map(drop),
        store.status().await.map(drop),
    ];
    for error in errors {
        match error {
            Err(StoreError::NoBucket { bucket }) => assert_eq!(bucket, "carts"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_bucket_refuses_and_keeps_what_it_has() {
    let settings = BucketSettings::new("carts").max_bytes(underpin_config::ByteSize::kib(64));
    let (_server, store) = private(settings).await;
    let mut written = 0;
    let full = loop {
        match store.set(format!("k.{written}"), vec![7; 8192]).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 10);
    };
    assert!(matches!(full, StoreError::Full), "{full:?}");
    assert_eq!(store.all_keys(&KeyPattern::all()).await.unwrap().len(), written);
    assert_eq!(store.read("k.0").await.unwrap().unwrap().value.len(), 8192);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removals_are_forgotten_on_request() {
    let (_server, store) = private(BucketSettings::new("carts")).await;
    for key in ["a", "b", "c"] {
        store.set(key, "x").await.unwrap();
    }
    store.remove("a").await.unwrap();
    store.remove("b").await.unwrap();
    assert_eq!(store.forget_removals(Duration::from_secs(600)).await.unwrap(), 0);
    assert_eq!(store.forget_removals(Duration::ZERO).await.unwrap(), 2);
    assert_eq!(store.status().await.unwrap().entries, 1);
    store.create("a", "y", Ttl::Bucket).await.unwrap();
}
