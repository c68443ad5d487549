//! Values that are kept for a time.

use std::time::Duration;

use tokio::time::Instant;

use super::fixtures::{change, gone, key, next, plain, with_key_ttl};
use super::harness::KeyValueHarness;
use crate::{BucketSettings, Expect, KeyValueExt, Operation, StoreError, Ttl, WatchEvent, WatchOptions};

const SECOND: Duration = Duration::from_secs(1);
const SHORT: Ttl = Ttl::After(SECOND);

/// A value is there until its time is over, and then it is gone. A part of a second counts as a whole one.
pub async fn a_value_is_gone_after_its_time_and_not_before(harness: &impl KeyValueHarness) {
    let store = with_key_ttl(harness).await;
    let began = Instant::now();
    store.put(&key("a"), "x".into(), Expect::Anything, SHORT).await.expect("written");
    store.put(&key("b"), "x".into(), Expect::Anything, Ttl::After(SECOND * 3 / 2)).await.expect("written");
    store.set("c", "x").await.expect("written");
    gone(&store, "a", harness.capabilities().patience).await;
    assert!(began.elapsed() >= SECOND * 9 / 10, "after {:?}", began.elapsed());
    gone(&store, "b", harness.capabilities().patience).await;
    assert!(began.elapsed() >= SECOND * 19 / 10, "after {:?}", began.elapsed());
    assert!(store.read("c").await.expect("read").is_some());
}

/// Each write sets the time again; a write without one ends it.
pub async fn a_write_sets_the_time_again(harness: &impl KeyValueHarness) {
    let store = with_key_ttl(harness).await;
    let began = Instant::now();
    let mut revision = store.create("a", "0", Ttl::After(SECOND * 2)).await.expect("created");
    store.create("b", "0", SHORT).await.expect("created");
    store.set("b", "1").await.expect("written");
    while began.elapsed() < SECOND * 3 {
        tokio::time::sleep(SECOND / 2).await;
        let (name, expect) = (key("a"), Expect::Revision(revision));
        let renewed = store.put(&name, "1".into(), expect, Ttl::After(SECOND * 2));
        // A machine that stalls for seconds may be too late; then the value is gone for a reason.
        match renewed.await {
            Ok(renewed) => revision = renewed,
            Err(StoreError::Conflict { .. }) => {
                revision = store.create("a", "0", Ttl::After(SECOND * 2)).await.expect("created");
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(store.read("b").await.expect("read").expect("kept for ever").value, "1");
    gone(&store, "a", harness.capabilities().patience).await;
}

/// An expired key can be created again, and the new value expires too.
pub async fn create_works_over_an_expired_value(harness: &impl KeyValueHarness) {
    let store = with_key_ttl(harness).await;
    for _ in 0..2 {
        store.create("a", "x", SHORT).await.expect("created");
        assert!(store.create("a", "y", SHORT).await.expect_err("it is there").is_conflict());
        gone(&store, "a", harness.capabilities().patience).await;
    }
    store.create("a", "z", Ttl::Bucket).await.expect("created");
    assert_eq!(store.read("a").await.expect("read").expect("a value").value, "z");
}

/// The time of a value that was created over a removal is kept.
pub async fn create_over_a_removal_keeps_its_time(harness: &impl KeyValueHarness) {
    let store = with_key_ttl(harness).await;
    store.set("a", "x").await.expect("written");
    store.remove("a").await.expect("removed");
    store.create("a", "y", SHORT).await.expect("created");
    gone(&store, "a", harness.capabilities().patience).await;
    store.set("b", "x").await.expect("written");
    store.purge(&key("b"), Expect::Anything).await.expect("purged");
    store.create("b", "y", SHORT).await.expect("created");
    gone(&store, "b", harness.capabilities().patience).await;
}

/// A time below a second, and any in a bucket without `key_ttl`, is refused and writes nothing.
pub async fn a_time_that_cannot_be_kept_is_refused(harness: &impl KeyValueHarness) {
    let (store, other) = (with_key_ttl(harness).await, plain(harness).await);
    for ttl in [Duration::ZERO, SECOND / 2, Duration::MAX] {
        let refused = store.create("a", "x", Ttl::After(ttl)).await;
        assert!(matches!(refused, Err(StoreError::InvalidOption { .. })), "{ttl:?} {refused:?}");
    }
    let refused = other.create("a", "x", Ttl::After(SECOND * 60)).await;
    assert!(matches!(refused, Err(StoreError::InvalidOption { .. })), "{refused:?}");
    assert!(store.read("a").await.expect("read").is_none());
    assert!(other.read("a").await.expect("read").is_none());
}

/// A bucket with a time expires every entry.
pub async fn a_bucket_expires_its_entries(harness: &impl KeyValueHarness) {
    let store = harness.bucket(BucketSettings::new("short").ttl(SECOND)).await;
    store.set("a", "x").await.expect("written");
    gone(&store, "a", harness.capabilities().patience).await;
    store.create("a", "y", Ttl::Bucket).await.expect("created");
}

/// A watch hears that a value expired.
pub async fn an_expiry_is_watched(harness: &impl KeyValueHarness) {
    let capabilities = harness.capabilities();
    let store = with_key_ttl(harness).await;
    if !capabilities.watch {
        let refused = store.watch(WatchOptions::all()).await.err();
        assert!(matches!(refused, Some(StoreError::Unsupported { .. })), "{refused:?}");
        return;
    }
    let mut watch = store.watch(WatchOptions::all()).await.expect("watched");
    assert_eq!(next(&mut watch, capabilities.patience).await, WatchEvent::Current);
    let revision = store.create("a", "x", SHORT).await.expect("created");
    assert!(change(&mut watch, capabilities.patience).await.is_put());
    let expired = change(&mut watch, capabilities.patience).await;
    assert_eq!((expired.operation, expired.key), (Operation::Expired, key("a")));
    assert!(expired.revision > revision && expired.value.is_empty());
}
