//! What Redis cannot do is refused, with what to change.

use std::sync::Arc;

use underpin_config::ByteSize;
use underpin_logger::NoopLogger;
use underpin_store::{
    BucketSettings, KeyValue, KeyValueExt, RedisConnection, RedisSettings, RedisStore, Storage, StoreError,
    StoreSettings, WatchOptions,
};
use underpin_testkit::ValkeyServer;

use super::{connect, open, private};

async fn refused(connection: &RedisConnection, bucket: BucketSettings) -> Option<(String, &'static str)> {
    let settings = StoreSettings::default().bucket(bucket);
    match RedisStore::open(connection.clone(), &settings).await {
        Ok(_) => None,
        Err(StoreError::InvalidOption { option, problem }) => Some((option, problem)),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_redis_cannot_keep_are_refused() {
    let server = ValkeyServer::private().await;
    let connection = connect(server.url()).await;
    let carts = BucketSettings::new("carts");
    for (bucket, option, change) in [
        (carts.clone().history(2), "buckets.carts.history", "must be 1"),
        (carts.clone().replicas(3), "buckets.carts.replicas", "must be 1"),
        (carts.clone().max_bytes(ByteSize::mib(1)), "buckets.carts.max_bytes", "must be absent"),
    ] {
        let (found, problem) = refused(&connection, bucket).await.expect("refused");
        assert!(found == option && problem.starts_with(change), "{found} {problem}");
    }
    assert_eq!(refused(&connection, carts.clone()).await, None);
    let store = RedisStore::open(connection, &StoreSettings::default().bucket(carts)).await.unwrap();
    assert!(matches!(store.key_value("other"), Err(StoreError::InvalidOption { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_may_lose_entries_keeps_none_as_files() {
    for (config, remedy) in
        [("appendonly no", "appendonly yes"), ("maxmemory 64mb\nmaxmemory-policy allkeys-lru", "noeviction")]
    {
        let server = ValkeyServer::private_with(config).await;
        let connection = connect(server.url()).await;
        let (option, problem) = refused(&connection, BucketSettings::new("carts")).await.expect("refused");
        assert!(option == "buckets.carts.storage" && problem.contains(remedy), "{option} {problem}");
        let memory = open(&connection, BucketSettings::new("carts").storage(Storage::Memory)).await;
        memory.set("a", "x").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_is_refused_with_the_reason() {
    let (_server, store) = private(BucketSettings::new("carts")).await;
    let refused = store.watch(WatchOptions::all()).await.err().expect("refused");
    assert!(matches!(refused, StoreError::Unsupported { .. }) && refused.to_string().contains("watches"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_refuses_and_keeps_what_it_has() {
    let server = ValkeyServer::private_with("maxmemory 8mb\nmaxmemory-policy noeviction").await;
    let store = open(&connect(server.url()).await, BucketSettings::new("carts")).await;
    let mut written = 0;
    let full = loop {
        match store.set(format!("k.{written}"), vec![7; 256 * 1024]).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 100);
    };
    assert!(matches!(full, StoreError::Full), "{full:?}");
    assert_eq!(store.read("k.0").await.unwrap().unwrap().value.len(), 256 * 1024);
    assert_eq!(store.status().await.unwrap().entries, written);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_told_and_never_shown() {
    let server = ValkeyServer::private_with("requirepass love").await;
    for settings in
        [RedisSettings::new(server.url()), RedisSettings::new(server.url()).password("hate-and-war")]
    {
        let refused = RedisConnection::connect(&settings, Arc::new(NoopLogger)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Unauthorized(_)), "{refused:?}");
        assert!(!format!("{refused:?}").contains("hate-and-war"));
    }
    let settings = RedisSettings::new(server.url()).password("love");
    let connection = RedisConnection::connect(&settings, Arc::new(NoopLogger)).await.unwrap();
    assert!(!format!("{connection:?} {settings:?}").contains("love"));
    open(&connection, BucketSettings::new("carts")).await.set("a", "x").await.unwrap();
}
