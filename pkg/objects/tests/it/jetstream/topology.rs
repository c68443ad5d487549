//! Object buckets as they are declared, and servers that lack what they need.

use std::sync::Arc;
use std::time::Duration;

use underpin_config::ByteSize;
use underpin_logger::NoopLogger;
use underpin_nats::jetstream::BucketChange;
use underpin_objects::{
    GetObject, JetStreamObjects, ObjectBucketSettings, ObjectName, Objects, ObjectsSettings, PutObject,
    StoreError, StoreTopology,
};
use underpin_testkit::NatsServer;

use crate::support::{connect, open_objects};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn object_buckets_are_planned_applied_and_verified() {
    let server = NatsServer::private().await;
    let nats = connect(server.url()).await;
    let buckets = |settings: &ObjectsSettings| {
        JetStreamObjects::new(nats.clone(), settings, Arc::new(NoopLogger)).expect("valid settings")
    };
    let files = ObjectBucketSettings::new("files").max_bytes(ByteSize::mib(64)).compression(true);
    let settings = ObjectsSettings::default()
        .bucket(files.clone())
        .bucket(ObjectBucketSettings::new("exports").ttl(Duration::from_secs(3600)));
    let first = buckets(&settings);
    match first.verify().await {
        Err(StoreError::Drift { differences }) => {
            let missing = ["bucket files is missing", "bucket exports is missing"];
            assert_eq!(differences, missing);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(first.apply().await.unwrap().changes.len(), 2);
    assert!(first.plan().await.unwrap().is_empty());
    assert!(matches!(first.bucket("carts"), Err(StoreError::InvalidOption { .. })));
    let name = ObjectName::new("a").unwrap();
    first.bucket("files").unwrap().put(&name, "x".into(), PutObject::default()).await.unwrap();

    let changed = ObjectsSettings::default().bucket(files.max_bytes(ByteSize::mib(32)));
    let plan = buckets(&changed).plan().await.unwrap();
    assert!(
        matches!(&plan.changes[..], [BucketChange::Update { bucket, differences }]
            if bucket == "files" && differences.len() == 1),
        "{plan}"
    );
    let strict = changed.clone().topology(StoreTopology::Verify);
    let refused = JetStreamObjects::open(nats.clone(), &strict, Arc::new(NoopLogger)).await;
    assert!(matches!(refused, Err(StoreError::Drift { .. })));
    let second = JetStreamObjects::open(nats.clone(), &changed, Arc::new(NoopLogger)).await.unwrap();
    let files = second.bucket("files").unwrap();
    assert!(files.get(&name, GetObject::default()).await.unwrap().is_some(), "what was stored is there");

    let twice = ObjectsSettings::default()
        .bucket(ObjectBucketSettings::new("files"))
        .bucket(ObjectBucketSettings::new("files"));
    assert!(matches!(twice.check(), Err(StoreError::InvalidOption { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_server_refuses_a_time_to_live_and_does_the_rest() {
    let server = NatsServer::private_version("2.10").await;
    let nats = connect(server.url()).await;
    let settings = ObjectsSettings::default().bucket(ObjectBucketSettings::new("files").object_ttl(true));
    let refused = JetStreamObjects::open(nats.clone(), &settings, Arc::new(NoopLogger)).await.map(drop);
    assert!(matches!(refused, Err(StoreError::ServerTooOld { .. })), "{refused:?}");
    let files = open_objects(&nats, ObjectBucketSettings::new("exports")).await;
    let (name, data) = (ObjectName::new("a").unwrap(), vec![7_u8; 600_000]);
    for _ in 0..2 {
        files.put(&name, data.clone().into(), PutObject::default()).await.unwrap();
        let reader = files.get(&name, GetObject::default().range(500_000..600_000)).await.unwrap().unwrap();
        assert_eq!(reader.read_all(usize::MAX).await.unwrap().len(), 100_000);
        let reader = files.get(&name, GetObject::default()).await.unwrap().unwrap();
        assert_eq!(reader.read_all(usize::MAX).await.unwrap(), data);
    }
    assert_eq!(files.sweep(Duration::ZERO).await.unwrap(), underpin_objects::Swept::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_object_bucket_says_what_to_do() {
    let server = NatsServer::private().await;
    let settings = ObjectsSettings::default().bucket(ObjectBucketSettings::new("files"));
    let nats = connect(server.url()).await;
    let buckets = JetStreamObjects::new(nats, &settings, Arc::new(NoopLogger)).expect("valid settings");
    let (files, name) = (buckets.bucket("files").unwrap(), ObjectName::new("a").unwrap());
    let errors = [
        files.put(&name, "x".into(), PutObject::default()).await.map(drop),
        files.get(&name, GetObject::default()).await.map(drop),
        files.head(&name).await.map(drop),
        files.sweep(Duration::ZERO).await.map(drop),
    ];
    for error in errors {
        assert!(matches!(error, Err(StoreError::NoBucket { .. })), "{error:?}");
    }
}
