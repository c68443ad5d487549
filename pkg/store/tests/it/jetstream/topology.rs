//! Buckets as they are declared, and servers that lack what they need.

use std::sync::Arc;
use std::time::Duration;

use underpin_config::ByteSize;
use underpin_logger::NoopLogger;
use underpin_nats::jetstream::BucketChange;
use underpin_store::{
    BucketSettings, JetStreamStore, KeyValueExt, Storage, StoreError, StoreSettings, StoreTopology,
};
use underpin_testkit::NatsServer;

use crate::support::connect;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buckets_are_planned_applied_and_verified() {
    let server = NatsServer::private().await;
    let nats = connect(server.url()).await;
    let store = |settings: &StoreSettings| {
        JetStreamStore::new(nats.clone(), settings, Arc::new(NoopLogger)).expect("valid settings")
    };
    let settings = StoreSettings::default()
        .bucket(BucketSettings::new("carts").history(5).max_value_size(ByteSize::kib(8)))
        .bucket(BucketSettings::new("sessions").key_ttl(true).ttl(Duration::from_secs(3600)));
    let first = store(&settings);
    match first.verify().await {
        Err(StoreError::Drift { differences }) => {
            assert_eq!(differences, ["bucket carts is missing", "bucket sessions is missing"]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(first.apply().await.unwrap().changes.len(), 2);
    assert!(first.plan().await.unwrap().is_empty());
    first.key_value("carts").unwrap().set("a", "x").await.unwrap();
    assert!(matches!(first.key_value("other"), Err(StoreError::InvalidOption { .. })));

    let changed = StoreSettings::default().bucket(BucketSettings::new("carts").history(2));
    let plan = store(&changed).plan().await.unwrap();
    assert!(
        matches!(&plan.changes[..], [BucketChange::Update { bucket, differences }]
        if bucket == "carts" && differences.len() == 2),
        "{plan}"
    );
    let strict = changed.clone().topology(StoreTopology::Verify);
    let refused = JetStreamStore::open(nats.clone(), &strict, Arc::new(NoopLogger)).await;
    assert!(matches!(refused, Err(StoreError::Drift { .. })));
    let second = JetStreamStore::open(nats.clone(), &changed, Arc::new(NoopLogger)).await.unwrap();
    assert!(second.plan().await.unwrap().is_empty());
    // What was stored is still there.
    assert!(second.key_value("carts").unwrap().read("a").await.unwrap().is_some());

    let moved =
        StoreSettings::default().bucket(BucketSettings::new("carts").history(2).storage(Storage::Memory));
    let refused = store(&moved).apply().await;
    assert!(matches!(refused, Err(StoreError::Backend { .. })), "{refused:?}");
}
