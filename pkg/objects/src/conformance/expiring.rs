//! Objects that are kept for a time.

use std::time::Duration;

use tokio::time::Instant;

use super::fixture::{CHUNK, bytes, gone, name, read, settings, small_chunks, with_object_ttl};
use super::harness::ObjectsHarness;
use crate::{ObjectExpect, ObjectsExt, PutObject, StoreError};

const SECOND: Duration = Duration::from_secs(1);

fn short() -> PutObject {
    PutObject::default().ttl(SECOND)
}

/// An object is there until its time is over, and can be read for as long as it can be found.
pub async fn an_object_expires_and_not_before(harness: &impl ObjectsHarness) {
    let capabilities = harness.capabilities();
    if !capabilities.ttl {
        return;
    }
    let objects = with_object_ttl(harness).await;
    let began = Instant::now();
    let stored = objects.put(&name("a"), bytes(CHUNK * 2).into(), short()).await.expect("stored");
    assert!(stored.expires.is_some_and(|expires| expires > stored.modified));
    objects.put_bytes("b", "for ever").await.expect("stored");
    gone(&objects, "a", capabilities.patience).await;
    assert!(began.elapsed() >= SECOND * 9 / 10, "after {:?}", began.elapsed());
    assert_eq!(objects.names("").await.expect("listed"), [name("b")]);
    let options = short().expect(ObjectExpect::Absent);
    objects.put(&name("a"), "again".into(), options).await.expect("created over an expired one");
    assert_eq!(read(&objects, "b").await.expect("an object"), "for ever");
}

/// A replacement sets the time again.
pub async fn a_replacement_sets_the_time_again(harness: &impl ObjectsHarness) {
    let capabilities = harness.capabilities();
    if !capabilities.ttl {
        return;
    }
    let objects = with_object_ttl(harness).await;
    objects.put(&name("a"), "1".into(), short()).await.expect("stored");
    objects.put(&name("b"), "1".into(), short()).await.expect("stored");
    objects.put_bytes("a", "2").await.expect("replaced");
    gone(&objects, "b", capabilities.patience).await;
    assert_eq!(read(&objects, "a").await.expect("kept for ever"), "2");
}

/// A bucket with a time expires every object.
pub async fn a_bucket_expires_its_objects(harness: &impl ObjectsHarness) {
    let capabilities = harness.capabilities();
    if !capabilities.ttl {
        return;
    }
    let objects = harness.bucket(settings("short").ttl(SECOND)).await;
    objects.put_bytes("a", bytes(CHUNK * 2)).await.expect("stored");
    gone(&objects, "a", capabilities.patience).await;
    assert!(objects.names("").await.expect("listed").is_empty());
}

/// A time that the bucket cannot give is refused, and stores nothing.
pub async fn a_time_that_cannot_be_given_is_refused(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    let refused = objects.put(&name("a"), "x".into(), PutObject::default().ttl(SECOND * 60)).await;
    match refused {
        Err(StoreError::InvalidOption { .. }) if harness.capabilities().ttl => {}
        Err(StoreError::Unsupported { .. }) if !harness.capabilities().ttl => return,
        other => panic!("{other:?}"),
    }
    let objects = with_object_ttl(harness).await;
    for ttl in [Duration::ZERO, SECOND / 2, Duration::MAX] {
        let refused = objects.put(&name("a"), "x".into(), PutObject::default().ttl(ttl)).await;
        assert!(matches!(refused, Err(StoreError::InvalidOption { .. })), "{ttl:?} {refused:?}");
    }
    assert!(read(&objects, "a").await.is_none());
}
