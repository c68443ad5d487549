//! Watches.

use std::time::Duration;

use super::fixture::{name, next, settings, small_chunks};
use super::harness::ObjectsHarness;
use crate::{ObjectEvent, ObjectExpect, ObjectsExt, PutObject, StoreError, WatchObjects, WatchStart};

/// A watch delivers the state, its end, and then each change.
pub async fn objects_are_watched(harness: &impl ObjectsHarness) {
    let capabilities = harness.capabilities();
    let objects = small_chunks(harness).await;
    if !capabilities.watch {
        let refused = objects.watch(WatchObjects::default()).await.err();
        assert!(matches!(refused, Some(StoreError::Unsupported { .. })), "{refused:?}");
        return;
    }
    let within = capabilities.patience;
    objects.put_bytes("in/deleted", "x").await.expect("stored");
    assert!(objects.delete(&name("in/deleted"), ObjectExpect::Anything).await.expect("deleted"));
    let first = objects.put_bytes("in/a", "1").await.expect("stored");
    objects.put_bytes("out", "1").await.expect("stored");
    let mut watch = objects.watch(WatchObjects::default().prefix("in/")).await.expect("watched");
    match next(&mut watch, within).await {
        ObjectEvent::Stored(info) => assert_eq!((info.version, info.size), (first.version, 1)),
        other => panic!("{other:?}"),
    }
    assert_eq!(next(&mut watch, within).await, ObjectEvent::Current);
    let fresh = WatchObjects::default().start(WatchStart::New);
    let mut late = objects.watch(fresh).await.expect("watched");
    assert_eq!(next(&mut late, within).await, ObjectEvent::Current);
    objects.put_bytes("out", "2").await.expect("stored");
    objects.put_bytes("in/a", "22").await.expect("stored");
    assert!(matches!(next(&mut watch, within).await, ObjectEvent::Stored(info) if info.size == 2));
    assert!(objects.delete(&name("in/a"), ObjectExpect::Anything).await.expect("deleted"));
    assert_eq!(next(&mut watch, within).await, ObjectEvent::Deleted(name("in/a")));
    assert!(matches!(next(&mut late, within).await, ObjectEvent::Stored(info) if info.name == name("out")));
}

/// A watch hears that an object expired.
pub async fn an_expiry_is_watched(harness: &impl ObjectsHarness) {
    let capabilities = harness.capabilities();
    if !capabilities.watch || !capabilities.ttl {
        return;
    }
    let objects = harness.bucket(settings("expiring").object_ttl(true)).await;
    let mut watch = objects.watch(WatchObjects::default()).await.expect("watched");
    assert_eq!(next(&mut watch, capabilities.patience).await, ObjectEvent::Current);
    let options = PutObject::default().ttl(Duration::from_secs(1));
    objects.put(&name("a"), "x".into(), options).await.expect("stored");
    assert!(matches!(next(&mut watch, capabilities.patience).await, ObjectEvent::Stored(_)));
    assert_eq!(next(&mut watch, capabilities.patience).await, ObjectEvent::Expired(name("a")));
}
