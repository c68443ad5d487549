//! Valkey goes away and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use catalog::{Product, ProductCache};
use underpin_logger::NoopLogger;
use underpin_store::{
    Key, KeyValue as _, Read, RedisConnection, RedisKeyValue, RedisSettings, RedisStore, StoreSettings,
};
use underpin_testkit::{ServiceProcess, ValkeyServer, eventually};

use crate::support::{LIMIT, create, start, update};

/// The bucket of products, as the service names it.
async fn products(server: &ValkeyServer) -> RedisKeyValue {
    let settings = RedisSettings::new(server.url()).prefix("catalog");
    let connection = RedisConnection::connect(&settings, Arc::new(NoopLogger)).await.unwrap();
    let buckets = ProductCache::level_two().into_iter().fold(StoreSettings::default(), StoreSettings::bucket);
    RedisStore::open(connection, &buckets).await.unwrap().key_value(ProductCache::LEVEL_TWO[0]).unwrap()
}

/// The version that is kept there.
async fn kept(bucket: &RedisKeyValue, path: &str) -> Option<i64> {
    let id = path.rsplit('/').next().unwrap();
    let entry = bucket.get(&Key::encoded(id), Read::Latest).await.unwrap()?;
    let product: Option<Product> = serde_json::from_slice(&entry.value).unwrap();
    product.map(|product| product.version)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_of_valkey_makes_readers_slow_and_not_wrong() {
    let valkey = ValkeyServer::private().await;
    let folder = tempfile::tempdir().unwrap();
    // Values leave the memory soon: the second level and the database are asked all the time.
    let variables = [("VALKEY_URL", valkey.url()), ("CATALOG_CACHE__TTL", "50ms")];
    let service = start(folder.path(), &variables);
    let path = create(&service, "tea", 1);
    assert_eq!(service.get(&path).json()["product"]["version"], 1);
    service.get_until(&path, |reply| reply.json()["from_cache"] == true);

    let ended = AtomicBool::new(false);
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..4).map(|_| scope.spawn(|| read(&service, &path, &ended))).collect();
            let runtime = tokio::runtime::Handle::current();
            runtime.block_on(valkey.kill());
            // The writer is answered, too, and reads its own write.
            assert_eq!(update(&service, &path, 2)["version"], 2);
            let found = service.get(&path).json();
            assert_eq!(
                (&found["product"]["version"], &found["product"]["price_cents"]),
                (&2.into(), &2.into())
            );
            service
                .log
                .wait_for("the warning", |line| line["msg"] == "cache not invalidated, its event will");
            let ready = service.ready_until(|reply| reply.body.contains("degraded"));
            assert_eq!(ready.status, 200, "{ready:?}");
            ended.store(true, Ordering::Relaxed);
            let answers: usize = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
            assert!(answers > 0);
        });
    });

    valkey.restart().await;
    service.ready_until(|reply| reply.status == 200 && !reply.body.contains("degraded"));
    service.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_was_changed_while_valkey_was_away_does_not_come_back() {
    let valkey = ValkeyServer::private().await;
    let folder = tempfile::tempdir().unwrap();
    // Only an invalidation ends a value here.
    let variables = [("VALKEY_URL", valkey.url()), ("CATALOG_CACHE__TTL", "1h")];
    let service = start(folder.path(), &variables);
    let path = create(&service, "tea", 1);
    // Once the event of the creation has been handled, too.
    let bucket = products(&valkey).await;
    eventually(LIMIT, "it is kept in Valkey", || async {
        service.get(&path);
        kept(&bucket, &path).await == Some(1)
    })
    .await;
    valkey.kill().await;
    assert_eq!(update(&service, &path, 2)["version"], 2);
    assert_eq!(service.get(&path).json()["product"]["version"], 2);

    // Its data survived, the old version with it: the event removes that.
    valkey.restart().await;
    let bucket = products(&valkey).await;
    eventually(LIMIT, "the old version is gone", || async { kept(&bucket, &path).await != Some(1) }).await;
    service.get_until(&path, |reply| reply.json()["from_cache"] == true);
    assert_eq!(service.get(&path).json()["product"]["version"], 2);
    service.stop();
}

/// Reads until the end; how many were answered, each with a version that was there.
fn read(service: &ServiceProcess, path: &str, ended: &AtomicBool) -> usize {
    let (mut answers, mut newest) = (0, 0);
    while !ended.load(Ordering::Relaxed) {
        let reply = service.get(path);
        assert_eq!(reply.status, 200, "{reply:?}");
        let version = reply.json()["product"]["version"].as_i64().unwrap();
        assert!(version >= newest, "version {version} after {newest}");
        (answers, newest) = (answers + 1, version);
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_starts_without_its_valkey() {
    let valkey = ValkeyServer::private().await;
    valkey.kill().await;
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[("VALKEY_URL", valkey.url())]);
    let path = create(&service, "tea", 1);
    assert_eq!(service.get(&path).status, 200);
    valkey.restart().await;
    service.log.wait_for("the connection", |line| line["msg"] == "connected to Redis");
    service.stop();
}
