//! nats-server 2.10, which has no time to live for each message.

use std::sync::Arc;
use std::time::Duration;

use underpin_logger::NoopLogger;
use underpin_store::{
    BucketSettings, Expect, JetStreamStore, Key, KeyValue, KeyValueExt, StoreError, StoreSettings, Ttl,
    WatchEvent, WatchOptions,
};
use underpin_testkit::NatsServer;

use crate::support::{connect, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_to_live_is_refused_and_the_rest_works() {
    let server = NatsServer::private_version("2.10").await;
    let nats = connect(server.url()).await;
    let settings = StoreSettings::default().bucket(BucketSettings::new("sessions").key_ttl(true));
    let refused = JetStreamStore::open(nats.clone(), &settings, Arc::new(NoopLogger)).await.map(drop);
    assert!(matches!(refused, Err(StoreError::ServerTooOld { feature: "key_ttl", .. })), "{refused:?}");

    let store = open(&nats, BucketSettings::new("carts").history(3)).await;
    let key = Key::new("a").unwrap();
    let ttl = Ttl::After(Duration::from_secs(60));
    let refused = store.put(&key, "x".into(), Expect::Anything, ttl).await;
    assert!(matches!(refused, Err(StoreError::InvalidOption { .. })), "{refused:?}");
    let revision = store.create(&key, "1", Ttl::Bucket).await.unwrap();
    store.update(&key, "2", revision).await.unwrap();
    store.remove(&key).await.unwrap();
    store.create(&key, "3", Ttl::Bucket).await.unwrap();
    assert_eq!(store.history(&key).await.unwrap().len(), 3);
    let mut watch = store.watch(WatchOptions::all()).await.unwrap();
    assert!(matches!(watch.next().await.unwrap(), WatchEvent::Changed(entry) if entry.value == "3"));
    assert_eq!(watch.next().await.unwrap(), WatchEvent::Current);
}
