//! Writes that expect something.

use std::sync::Arc;

use super::fixture::{CHUNK, bytes, name, nothing_left, read, small_chunks};
use super::harness::ObjectsHarness;
use crate::{GetObject, ObjectExpect, ObjectVersion, ObjectsExt, PutObject, StoreError};

fn absent() -> PutObject {
    PutObject::default().expect(ObjectExpect::Absent)
}

/// Of many that create one object, one wins, and the data of the others is gone.
pub async fn one_of_many_creators_of_an_object_wins(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    let creators = (0..8_usize).map(|creator| {
        let objects = Arc::clone(&objects);
        tokio::spawn(async move {
            let data = bytes(CHUNK * 2 + creator);
            objects.put(&name("a"), data.into(), absent()).await.map(|info| info.size)
        })
    });
    let mut winner = None;
    for creator in creators.collect::<Vec<_>>() {
        match creator.await.expect("no panic") {
            Ok(size) => assert_eq!(winner.replace(size), None, "two winners"),
            Err(error) => assert!(error.is_conflict(), "{error:?}"),
        }
    }
    let found = read(&objects, "a").await.expect("an object");
    assert_eq!(Some(found.len() as u64), winner);
    nothing_left(harness, &objects).await;
}

/// Creation works over a deleted object.
pub async fn an_object_is_created_over_a_deleted_one(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    objects.put(&name("a"), "1".into(), absent()).await.expect("created");
    let refused = objects.put(&name("a"), "2".into(), absent()).await;
    assert!(matches!(refused, Err(StoreError::Exists { .. })), "{refused:?}");
    assert!(objects.delete(&name("a"), ObjectExpect::Anything).await.expect("deleted"));
    objects.put(&name("a"), "3".into(), absent()).await.expect("created");
    assert_eq!(read(&objects, "a").await.expect("an object"), "3");
}

/// A replacement that expects a version does nothing to another one.
pub async fn a_replacement_expects_a_version(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    let first = objects.put_bytes("a", "1").await.expect("stored").version;
    let options =
        |version: &ObjectVersion| PutObject::default().expect(ObjectExpect::Version(version.clone()));
    if !harness.capabilities().replace_version {
        let refused = objects.put(&name("a"), "2".into(), options(&first)).await;
        assert!(matches!(refused, Err(StoreError::Unsupported { .. })), "{refused:?}");
        return;
    }
    let second = objects.put(&name("a"), "2".into(), options(&first)).await.expect("replaced").version;
    assert_ne!(first, second);
    let refused = objects.put(&name("a"), "3".into(), options(&first)).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    let refused = objects.put(&name("b"), "3".into(), options(&first)).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    assert_eq!(read(&objects, "a").await.expect("an object"), "2");
    assert!(read(&objects, "b").await.is_none());
    nothing_left(harness, &objects).await;
}

/// A deletion that expects a version leaves another one.
pub async fn a_deletion_expects_a_version(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    let first = objects.put_bytes("a", "1").await.expect("stored").version;
    let second = objects.put_bytes("a", "2").await.expect("stored").version;
    let refused = objects.delete(&name("a"), ObjectExpect::Version(first)).await;
    if !harness.capabilities().delete_version {
        assert!(matches!(refused, Err(StoreError::Unsupported { .. })), "{refused:?}");
        return;
    }
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    assert!(objects.delete(&name("a"), ObjectExpect::Version(second)).await.expect("deleted"));
}

/// A read that expects a version refuses another one.
pub async fn a_read_expects_a_version(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    let first = objects.put_bytes("a", "1").await.expect("stored").version;
    let second = objects.put_bytes("a", "22").await.expect("stored").version;
    let other = GetObject::default().version(first);
    // Also where there is nothing to read.
    for options in [other.clone(), other.clone().range(0..1), other.range(5..9)] {
        let refused = objects.get(&name("a"), options).await.map(|_| ());
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    }
    let reader = objects.get(&name("a"), GetObject::default().version(second)).await.expect("opened");
    assert_eq!(reader.expect("an object").read_all(10).await.expect("read"), "22");
}
