//! The in-memory backend passes the suite, and so does a part of a bucket.

use std::sync::Arc;

use async_trait::async_trait;
use underpin_store::conformance::{KeyValueHarness, StoreCapabilities};
use underpin_store::{
    BucketSettings, Expect, Key, KeyPattern, KeyValue, MemoryKeyValue, Namespace, Ttl, WatchEvent,
    WatchOptions,
};

struct Memory;

#[async_trait]
impl KeyValueHarness for Memory {
    async fn start() -> Self {
        Self
    }

    async fn bucket(&self, settings: BucketSettings) -> Arc<dyn KeyValue> {
        Arc::new(MemoryKeyValue::new(settings).expect("valid settings"))
    }

    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities::default()
    }
}

underpin_store::key_value_tests!(Memory);

/// A part of a bucket.
struct Part;

#[async_trait]
impl KeyValueHarness for Part {
    async fn start() -> Self {
        Self
    }

    async fn bucket(&self, settings: BucketSettings) -> Arc<dyn KeyValue> {
        let bucket = Arc::new(MemoryKeyValue::new(settings).expect("valid settings"));
        Arc::new(Namespace::new(bucket, Key::new("tenant.7").expect("a key")))
    }

    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities::default()
    }
}

mod of_a_bucket {
    underpin_store::key_value_tests!(super::Part);
}

#[tokio::test]
async fn a_namespace_sees_no_key_of_another() {
    let bucket: Arc<dyn KeyValue> = Arc::new(MemoryKeyValue::new(BucketSettings::new("shared")).unwrap());
    let key = |text: &str| Key::new(text).unwrap();
    let part = |prefix: &str| Namespace::new(Arc::clone(&bucket), key(prefix));
    let (one, other) = (part("tenant.7"), part("tenant.77"));
    one.put(&key("a"), "1".into(), Expect::Absent, Ttl::Bucket).await.unwrap();
    other.put(&key("a"), "2".into(), Expect::Absent, Ttl::Bucket).await.unwrap();
    bucket.put(&key("tenant.7"), "3".into(), Expect::Absent, Ttl::Bucket).await.unwrap();
    let mut watch = one.watch(WatchOptions::all()).await.unwrap();
    match watch.next().await.unwrap() {
        WatchEvent::Changed(entry) => assert_eq!((entry.key, entry.value), (key("a"), "1".into())),
        event => panic!("{event:?}"),
    }
    assert_eq!(watch.next().await.unwrap(), WatchEvent::Current);
    let mut keys = one.keys(&KeyPattern::all()).await.unwrap();
    assert_eq!(keys.next().await.unwrap(), Some(key("a")));
    assert_eq!(keys.next().await.unwrap(), None);
}
