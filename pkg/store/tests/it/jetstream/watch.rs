//! Watches over restarts, lost connections and entries that no client can parse.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;
use underpin_errors::HealthStatus;
use underpin_nats::Connection;
use underpin_store::{
    BucketSettings, KeyPattern, KeyValue, KeyValueExt, Read, Revision, Watch, WatchEvent, WatchOptions,
    WatchStart,
};
use underpin_testkit::{NatsServer, Proxy};

use crate::support::{LIMIT, connect, eventually, open, private, publish_raw};

async fn next(watch: &mut Box<dyn Watch>) -> WatchEvent {
    timeout(LIMIT, watch.next()).await.expect("an event in time").expect("an event")
}

/// Reads until the key has the value. Revisions must grow.
async fn until(watch: &mut Box<dyn Watch>, known: &mut BTreeMap<String, String>, key: &str, value: &str) {
    let mut last = Revision::default();
    while known.get(key).map(String::as_str) != Some(value) {
        match next(watch).await {
            WatchEvent::Changed(entry) => {
                assert!(entry.revision > last, "told twice or out of order");
                last = entry.revision;
                let value = String::from_utf8_lossy(&entry.value).into_owned();
                match entry.is_put() {
                    true => drop(known.insert(entry.key.to_string(), value)),
                    false => drop(known.remove(entry.key.as_str())),
                }
            }
            WatchEvent::Reset => {
                known.clear();
                last = Revision::default();
            }
            _ => {}
        }
    }
}

async fn consumers(nats: &Connection) -> usize {
    let until = tokio::time::Instant::now() + LIMIT;
    let subject = "$JS.API.STREAM.INFO.KV_carts";
    let answer = nats.request(subject.into(), None, "".into(), until).await.expect("answered");
    let info: Value = serde_json::from_slice(&answer.payload).expect("JSON");
    info.pointer("/state/consumer_count").and_then(Value::as_u64).expect("a count") as usize
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_goes_on_after_restarts_and_kills() {
    let (server, store) = private(BucketSettings::new("carts")).await;
    let mut watch = store.watch(WatchOptions::all()).await.unwrap();
    let health = watch.health();
    let mut known = BTreeMap::new();
    store.set("a", "0").await.unwrap();
    until(&mut watch, &mut known, "a", "0").await;
    for round in 1..=4 {
        if round % 2 == 0 {
            server.stop().await;
        } else {
            server.kill().await;
        }
        // Without a reader while it is away.
        server.restart().await;
        let value = round.to_string();
        eventually("writes are possible", || async { store.set("a", value.clone()).await.is_ok() }).await;
        store.remove("b").await.unwrap();
        store.set("c", value.clone()).await.unwrap();
        until(&mut watch, &mut known, "c", &value).await;
        assert_eq!(known.get("a"), Some(&value));
        assert_eq!(health.check().await.status, HealthStatus::Up);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_reconnects_leave_one_consumer_and_miss_nothing() {
    const CUTS: usize = 100;
    let server = NatsServer::private().await;
    let (proxy, direct) = (Proxy::to(server.url()).await, connect(server.url()).await);
    let writer = open(&direct, BucketSettings::new("carts")).await;
    let behind = connect(proxy.url()).await;
    let store = open(&behind, BucketSettings::new("carts")).await;
    let mut watch = store.watch(WatchOptions::all().start(WatchStart::New)).await.unwrap();
    assert_eq!(next(&mut watch).await, WatchEvent::Current);
    let mut known = BTreeMap::new();
    for cut in 0..CUTS {
        let value = cut.to_string();
        proxy.cut();
        writer.set(format!("k.{cut}"), value.clone()).await.unwrap();
        writer.set("last", value.clone()).await.unwrap();
        until(&mut watch, &mut known, "last", &value).await;
    }
    assert_eq!(known.len(), CUTS + 1);
    eventually("one consumer is left", || async { consumers(&direct).await <= 1 }).await;
    drop(watch);
    eventually("a dropped watch ends", || async { consumers(&direct).await == 0 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_watch_does_not_replay_after_a_reconnect() {
    let server = NatsServer::private().await;
    let (proxy, direct) = (Proxy::to(server.url()).await, connect(server.url()).await);
    let writer = open(&direct, BucketSettings::new("carts")).await;
    writer.set("old", "x").await.unwrap();
    let behind = connect(proxy.url()).await;
    let store = open(&behind, BucketSettings::new("carts")).await;
    let mut watch = store.watch(WatchOptions::all().start(WatchStart::New)).await.unwrap();
    assert_eq!(next(&mut watch).await, WatchEvent::Current);
    proxy.cut();
    drop(timeout(Duration::from_millis(300), watch.next()).await);
    writer.set("new", "x").await.unwrap();
    match next(&mut watch).await {
        WatchEvent::Changed(entry) => assert_eq!(entry.key.as_str(), "new"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_starts_over_when_the_bucket_forgot_or_is_another_one() {
    let server = NatsServer::private().await;
    let (proxy, direct) = (Proxy::to(server.url()).await, connect(server.url()).await);
    let bucket = BucketSettings::new("carts").key_ttl(true).marker_ttl(Duration::from_secs(1));
    let writer = open(&direct, bucket.clone()).await;
    let behind = connect(proxy.url()).await;
    let store = open(&behind, bucket.clone()).await;
    writer.set("a", "x").await.unwrap();
    writer.set("b", "x").await.unwrap();
    let mut watch = store.watch(WatchOptions::all()).await.unwrap();
    while next(&mut watch).await != WatchEvent::Current {}
    proxy.set(underpin_testkit::Fault::Cut);
    writer.remove("a").await.unwrap();
    // The removal is forgotten while the watch is cut off.
    let forgotten = || async { direct_entries(&writer).await == 1 };
    eventually("the removal is forgotten", forgotten).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    proxy.set(underpin_testkit::Fault::None);
    assert_eq!(next(&mut watch).await, WatchEvent::Reset);
    match next(&mut watch).await {
        WatchEvent::Changed(entry) => assert_eq!(entry.key.as_str(), "b"),
        other => panic!("{other:?}"),
    }
    assert_eq!(next(&mut watch).await, WatchEvent::Current);
    // Another bucket of the same name.
    delete_bucket(&direct).await;
    let writer = open(&direct, bucket).await;
    writer.set("c", "x").await.unwrap();
    let event = loop {
        match timeout(LIMIT, watch.next()).await.expect("an event in time") {
            Ok(event) => break event,
            // For the moment there was none.
            Err(error) => assert!(matches!(error, underpin_store::StoreError::NoBucket { .. }), "{error:?}"),
        }
    };
    assert_eq!(event, WatchEvent::Reset);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_is_too_slow_starts_over() {
    let bucket = BucketSettings::new("carts").key_ttl(true).marker_ttl(Duration::from_secs(1));
    let (_server, store) = private(bucket).await;
    let mut watch = store.watch(WatchOptions::all()).await.unwrap();
    assert_eq!(next(&mut watch).await, WatchEvent::Current);
    store.set("z", "x").await.unwrap();
    assert!(matches!(next(&mut watch).await, WatchEvent::Changed(_)));
    store.set("a", "x").await.unwrap();
    store.remove("z").await.unwrap();
    let forgotten = || async { direct_entries(&store).await == 1 };
    eventually("the removal is forgotten", forgotten).await;
    assert_eq!(next(&mut watch).await, WatchEvent::Reset);
    match next(&mut watch).await {
        WatchEvent::Changed(entry) => assert_eq!(entry.key.as_str(), "a"),
        other => panic!("{other:?}"),
    }
    assert_eq!(next(&mut watch).await, WatchEvent::Current);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_header_stops_no_read_and_no_watch() {
    let (server, store) = private(BucketSettings::new("carts")).await;
    store.set("a", "1").await.unwrap();
    publish_raw(&server, "$KV.carts.bad", b"NATS/1.0\r\nno colon\r\n\r\n", b"value").await;
    publish_raw(&server, "$KV.carts.worse", b"NATS/1.0\r\nA: b\rc\r\n\r\n", b"value").await;
    store.set("z", "2").await.unwrap();
    for (key, read) in
        [("bad", Read::Latest), ("worse", Read::Latest), ("bad", Read::Any), ("worse", Read::Any)]
    {
        let key = underpin_store::Key::new(key).unwrap();
        assert_eq!(store.get(&key, read).await.unwrap().unwrap().value, "value");
    }
    let mut watch = store.watch(WatchOptions::all()).await.unwrap();
    let mut known = BTreeMap::new();
    until(&mut watch, &mut known, "z", "2").await;
    assert_eq!(known.into_keys().collect::<Vec<_>>(), ["a", "bad", "worse", "z"]);
    let keys = store.all_keys(&KeyPattern::all()).await.unwrap();
    assert_eq!(keys.len(), 4);
}

async fn direct_entries(store: &impl KeyValue) -> u64 {
    store.status().await.map_or(u64::MAX, |status| status.entries)
}

async fn delete_bucket(nats: &Connection) {
    let until = tokio::time::Instant::now() + LIMIT;
    nats.request("$JS.API.STREAM.DELETE.KV_carts".into(), None, "".into(), until).await.unwrap();
}
