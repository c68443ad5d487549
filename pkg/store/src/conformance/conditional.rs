//! Writes that expect something.

use std::sync::Arc;

use super::fixtures::{key, plain};
use super::harness::KeyValueHarness;
use crate::{Expect, KeyValueExt, Revision, StoreError, Ttl};

/// Of many creators at once, one wins; the others learn that the key exists.
pub async fn one_of_many_creators_wins(harness: &impl KeyValueHarness) {
    let store = plain(harness).await;
    for round in 0..5 {
        let mut creators = tokio::task::JoinSet::new();
        for creator in 0..64 {
            let store = Arc::clone(&store);
            creators.spawn(async move {
                store.create(format!("lock.{round}"), format!("{creator}"), Ttl::Bucket).await
            });
        }
        let created = creators.join_all().await;
        assert_eq!(created.iter().filter(|created| created.is_ok()).count(), 1);
        for lost in created.into_iter().filter_map(Result::err) {
            assert!(matches!(lost, StoreError::Exists { .. }), "{lost:?}");
        }
    }
}

/// A key that was deleted or purged can be created again, by one of many.
pub async fn create_works_over_a_removal(harness: &impl KeyValueHarness) {
    let store = plain(harness).await;
    for purge in [false, true, false] {
        store.set("a", "x").await.expect("written");
        match purge {
            true => store.purge(&key("a"), Expect::Anything).await.expect("purged"),
            false => store.remove("a").await.expect("removed"),
        }
        let mut creators = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let store = Arc::clone(&store);
            creators.spawn(async move { store.create("a", "y", Ttl::Bucket).await });
        }
        let created = creators.join_all().await;
        assert_eq!(created.iter().filter(|created| created.is_ok()).count(), 1, "{created:?}");
        assert_eq!(store.read("a").await.expect("read").expect("a value").value, "y");
    }
}

/// An update of a revision that is not the last writes nothing and tells the last.
pub async fn an_update_of_an_old_revision_is_a_conflict(harness: &impl KeyValueHarness) {
    let store = plain(harness).await;
    let first = store.set("a", "1").await.expect("written");
    let second = store.update("a", "2", first).await.expect("updated");
    match store.update("a", "3", first).await {
        Err(StoreError::Conflict { current }) => assert_eq!(current, Some(second)),
        other => panic!("{other:?}"),
    }
    let absent = store.update("b", "1", Revision::new(7)).await;
    assert!(matches!(absent, Err(StoreError::Conflict { current: None })), "{absent:?}");
    assert_eq!(store.read("a").await.expect("read").expect("a value").value, "2");
    // Zero: never written.
    let zero = Revision::default();
    store.update("c", "1", zero).await.expect("written");
    assert!(store.update("c", "2", zero).await.expect_err("written before").is_conflict());
    store.remove("c").await.expect("removed");
    assert!(store.update("c", "2", zero).await.expect_err("a removal is a write").is_conflict());
    match store.create("a", "4", Ttl::Bucket).await {
        Err(StoreError::Exists { revision }) => assert_eq!(revision, Some(second)),
        other => panic!("{other:?}"),
    }
}

/// A removal with a revision removes that value only.
pub async fn a_removal_expects_a_revision(harness: &impl KeyValueHarness) {
    let store = plain(harness).await;
    let first = store.set("a", "1").await.expect("written");
    let second = store.set("a", "2").await.expect("written");
    let refused = store.delete(&key("a"), Expect::Revision(first)).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    let refused = store.purge(&key("a"), Expect::Revision(first)).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    let refused = store.delete(&key("a"), Expect::Absent).await;
    assert!(matches!(refused, Err(StoreError::InvalidOption { .. })), "{refused:?}");
    assert!(store.read("a").await.expect("read").is_some());
    store.delete(&key("a"), Expect::Revision(second)).await.expect("removed");
    assert!(store.read("a").await.expect("read").is_none());
}

/// Increments from many tasks are all counted.
pub async fn no_increment_is_lost(harness: &impl KeyValueHarness) {
    let store = plain(harness).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut counted = 0_u64;
            for _ in 0..10 {
                match store.modify("count", |count: Option<u64>| count.unwrap_or(0) + 1).await {
                    Ok(_) => counted += 1,
                    // Others won each time: this task wrote nothing.
                    Err(error) => assert!(error.is_conflict(), "{error:?}"),
                }
            }
            counted
        });
    }
    let counted: u64 = tasks.join_all().await.into_iter().sum();
    let (stored, _) = store.read_json::<u64>("count").await.expect("read").expect("a value");
    assert_eq!(stored, counted);
    assert!(counted >= 8);
}
