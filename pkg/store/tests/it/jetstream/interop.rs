//! Buckets shared with another client of the same specification.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::timeout;
use underpin_nats::async_nats::jetstream::{self, kv};
use underpin_store::{
    BucketSettings, Expect, Key, KeyPattern, KeyValue, KeyValueExt, Operation, Ttl, WatchEvent, WatchOptions,
};
use underpin_testkit::NatsServer;

use crate::support::{LIMIT, connect, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_below_reads_what_we_write_and_we_read_what_it_writes() {
    let server = NatsServer::private().await;
    let nats = connect(server.url()).await;
    let ours = open(&nats, BucketSettings::new("carts").history(5)).await;
    let theirs = jetstream::new(nats.client()).get_key_value("carts").await.unwrap();
    let key = Key::new("a.b").unwrap();

    let first = ours.set(&key, "1").await.unwrap();
    let entry = theirs.entry("a.b").await.unwrap().unwrap();
    assert_eq!((entry.value.as_ref(), entry.revision), (&b"1"[..], first.get()));
    let second = theirs.update("a.b", "2".into(), first.get()).await.unwrap();
    let entry = ours.read(&key).await.unwrap().unwrap();
    assert_eq!((entry.value.as_ref(), entry.revision.get()), (&b"2"[..], second));
    assert!(ours.update(&key, "3", first).await.unwrap_err().is_conflict());

    let mut watch = ours.watch(WatchOptions::all()).await.unwrap();
    ours.remove(&key).await.unwrap();
    let entry = theirs.entry("a.b").await.unwrap().unwrap();
    assert_eq!(entry.operation, kv::Operation::Delete);
    theirs.create("a.b", "4".into()).await.unwrap();
    theirs.purge("a.b").await.unwrap();
    assert!(ours.read(&key).await.unwrap().is_none());
    let history = ours.history(&key).await.unwrap();
    assert_eq!(history.iter().map(|entry| entry.operation).collect::<Vec<_>>(), [Operation::Purge]);
    let purged = loop {
        match timeout(LIMIT, watch.next()).await.unwrap().unwrap() {
            WatchEvent::Changed(entry) if entry.operation == Operation::Purge => break entry,
            _ => {}
        }
    };
    assert_eq!(purged.key, key);

    ours.purge(&key, Expect::Anything).await.unwrap();
    ours.create("c", "5", Ttl::Bucket).await.unwrap();
    theirs.put("d", "6".into()).await.unwrap();
    let mut keys: Vec<String> = theirs.keys().await.unwrap().map(Result::unwrap).collect().await;
    keys.sort();
    assert_eq!(keys, ["c", "d"]);
    let ours: Vec<String> =
        ours.all_keys(&KeyPattern::all()).await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(ours, keys);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_of_the_client_below_is_ours_and_expires_for_both() {
    let server = NatsServer::private().await;
    let nats = connect(server.url()).await;
    let config = kv::Config {
        bucket: "locks".to_owned(),
        history: 1,
        limit_markers: Some(Duration::from_secs(60)),
        ..kv::Config::default()
    };
    let theirs = jetstream::new(nats.client()).create_key_value(config).await.unwrap();
    let ours = open(&nats, BucketSettings::new("locks").key_ttl(true)).await;
    theirs.create_with_ttl("a", "1".into(), Duration::from_secs(1)).await.unwrap();
    ours.create("b", "1", Ttl::After(Duration::from_secs(1))).await.unwrap();
    assert!(ours.read("a").await.unwrap().is_some());
    underpin_testkit::eventually(LIMIT, "both expire for both", || async {
        let here = ours.read("a").await.unwrap().is_none() && ours.read("b").await.unwrap().is_none();
        here && theirs.get("a").await.unwrap().is_none() && theirs.get("b").await.unwrap().is_none()
    })
    .await;
    ours.create("a", "2", Ttl::Bucket).await.unwrap();
    assert_eq!(theirs.get("a").await.unwrap().unwrap(), "2");
}
