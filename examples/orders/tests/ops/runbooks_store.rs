//! The remedies of the runbook of buckets, tried on a NATS server.

use std::sync::Arc;
use std::time::Duration;

use underpin_config::ByteSize;
use underpin_errors::{HealthCheck as _, HealthStatus};
use underpin_logger::NoopLogger;
use underpin_nats::{Connection, NatsSettings};
use underpin_store::{
    BucketSettings, Expect, JetStreamStore, Key, KeyValue as _, KeyValueExt as _, StoreError, StoreSettings,
    Ttl,
};
use underpin_testkit::{NatsServer, eventually};

use crate::support::LIMIT;

const BUCKET: &str = "carts";

async fn connect(server: &NatsServer) -> Connection {
    Connection::connect(&NatsSettings::new(server.url()), Arc::new(NoopLogger)).await.unwrap()
}

/// A store with one bucket of so many KiB.
async fn open(nats: &Connection, kib: u64) -> JetStreamStore {
    let bucket = BucketSettings::new(BUCKET).max_bytes(ByteSize::kib(kib)).key_ttl(true);
    let settings = StoreSettings::default().bucket(bucket);
    JetStreamStore::open(nats.clone(), &settings, Arc::new(NoopLogger)).await.unwrap()
}

/// Writes until the bucket is full; the number of entries that fit.
async fn fill(store: &JetStreamStore, ttl: Ttl) -> usize {
    let bucket = store.key_value(BUCKET).unwrap();
    for number in 0..1000 {
        let key = Key::new(&format!("cart.{number}")).unwrap();
        match bucket.put(&key, vec![b'x'; 512].into(), Expect::Anything, ttl).await {
            Ok(_) => {}
            Err(StoreError::Full) => return number,
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("the bucket has room for everything")
}

/// "`the bucket is full`: raise `max_bytes`".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_larger_limit_makes_room() {
    let server = NatsServer::private().await;
    let nats = connect(&server).await;
    let fitted = fill(&open(&nats, 16).await, Ttl::Bucket).await;
    assert!(fitted > 1, "{fitted}");
    assert!(fill(&open(&nats, 32).await, Ttl::Bucket).await > fitted);
}

/// "or give entries a time to live".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_to_live_makes_room() {
    let server = NatsServer::private().await;
    let store = open(&connect(&server).await, 16).await;
    fill(&store, Ttl::After(Duration::from_secs(2))).await;
    let bucket = store.key_value(BUCKET).unwrap();
    eventually(LIMIT, "there is room", || async { bucket.set("cart.new", vec![b'x'; 512]).await.is_ok() })
        .await;
}

/// "For removals that pile up, call `KeyValue::forget_removals`."
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgotten_removals_make_room() {
    let server = NatsServer::private().await;
    let nats = connect(&server).await;
    let store = open(&nats, 16).await;
    let bucket = store.key_value(BUCKET).unwrap();
    // Each removal is a message as well.
    let mut removals = 0;
    for number in 0.. {
        let key = format!("cart.{number}");
        match bucket.set(&key, "x").await {
            Ok(_) => {}
            Err(StoreError::Full) => break,
            Err(other) => panic!("{other:?}"),
        }
        match bucket.purge(&Key::new(&key).unwrap(), Expect::Anything).await {
            Ok(()) => removals += 1,
            Err(StoreError::Full) => break,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(removals > 1, "{removals}");
    assert!(bucket.forget_removals(Duration::ZERO).await.unwrap() >= removals);
    bucket.set("cart.new", "x").await.unwrap();
}

/// "The bucket is missing or differs: apply the store's settings."
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applied_settings_bring_a_missing_bucket_back() {
    let server = NatsServer::private().await;
    let nats = connect(&server).await;
    let store = open(&nats, 16).await;
    let bucket = store.key_value(BUCKET).unwrap();
    bucket.set("cart.1", "x").await.unwrap();
    let until = tokio::time::Instant::now() + LIMIT;
    let subject = format!("$JS.API.STREAM.DELETE.KV_{BUCKET}");
    nats.request(subject.into(), None, "".into(), until).await.unwrap();
    let health = store.check().await;
    assert_eq!(health.status, HealthStatus::Down);
    assert!(health.reason.as_deref().is_some_and(|reason| reason.contains(BUCKET)), "{health:?}");
    assert!(bucket.set("cart.1", "x").await.is_err());
    store.apply().await.unwrap();
    bucket.set("cart.1", "x").await.unwrap();
    assert_eq!(store.check().await.status, HealthStatus::Up);
}
