//! Reading, writing, removing and listing.

use std::sync::Arc;

use bytes::Bytes;
use underpin_config::ByteSize;

use super::fixtures::{key, plain};
use super::harness::KeyValueHarness;
use crate::{
    BucketSettings, Expect, Key, KeyPattern, KeyValueExt, Operation, Read, Revision, StoreError, Ttl,
};

/// A key that was never written has no value, and its removal is no error.
pub async fn an_absent_key_has_no_value(harness: &impl KeyValueHarness) {
    let store = plain(harness).await;
    assert_eq!(store.get(&key("a"), Read::Latest).await.expect("read"), None);
    assert_eq!(store.get(&key("a"), Read::Any).await.expect("read"), None);
    store.remove("a").await.expect("removed");
    store.purge(&key("b"), Expect::Anything).await.expect("purged");
    assert!(store.read("a").await.expect("read").is_none());
}

/// A value comes back unchanged, from the leader and from any replica in the end.
pub async fn what_was_put_is_read(harness: &impl KeyValueHarness) {
    let store = plain(harness).await;
    let value = Bytes::from((0..=255).collect::<Vec<u8>>());
    for name in ["a", "a.b/c=_-", "=00ff"] {
        let revision = store.set(name, value.clone()).await.expect("written");
        let entry = store.read(name).await.expect("read").expect("a value");
        assert_eq!((entry.value, entry.revision, entry.key), (value.clone(), revision, key(name)));
        assert_eq!(entry.operation, Operation::Put);
        let any = store.get(&key(name), Read::Any).await.expect("read").expect("a value");
        assert_eq!((any.value, any.revision), (value.clone(), revision));
    }
    store.set("a", "other").await.expect("written");
    assert_eq!(store.read("a").await.expect("read").expect("a value").value, "other");
}

/// An empty value is not absence.
pub async fn an_empty_value_is_a_value(harness: &impl KeyValueHarness) {
    let store = plain(harness).await;
    store.set("a", "").await.expect("written");
    assert!(store.read("a").await.expect("read").expect("a value").value.is_empty());
    assert!(store.create("a", "x", Ttl::Bucket).await.expect_err("it exists").is_conflict());
}

/// Revisions grow with every write, over all keys.
pub async fn revisions_grow(harness: &impl KeyValueHarness) {
    let store = plain(harness).await;
    let mut last = Revision::default();
    for round in 0..10 {
        let name = if round % 2 == 0 { "a" } else { "b" };
        let revision = store.set(name, "x").await.expect("written");
        assert!(revision > last);
        last = revision;
    }
    store.remove("a").await.expect("removed");
    assert!(store.set("c", "x").await.expect("written").get() > last.get());
}

/// Removed and purged keys have no value.
pub async fn a_removed_key_has_no_value(harness: &impl KeyValueHarness) {
    let store = plain(harness).await;
    for (name, purge) in [("a", false), ("b", true)] {
        store.set(name, "x").await.expect("written");
        match purge {
            true => store.purge(&key(name), Expect::Anything).await.expect("purged"),
            false => store.remove(name).await.expect("removed"),
        }
        assert!(store.read(name).await.expect("read").is_none());
        assert!(store.get(&key(name), Read::Any).await.expect("read").is_none());
    }
    assert_eq!(store.all_keys(&KeyPattern::all()).await.expect("listed"), []);
}

/// The history is in order, no longer than asked, and a purge ends it; or it is the last write alone.
pub async fn history_is_in_order_and_bounded(harness: &impl KeyValueHarness) {
    if !harness.capabilities().history {
        let store = plain(harness).await;
        assert_eq!(store.history(&key("a")).await.expect("history"), []);
        let mut last = store.set("a", "1").await.expect("written");
        for (value, operation) in [("2", Operation::Put), ("", Operation::Delete), ("", Operation::Purge)] {
            match operation {
                Operation::Put => drop(store.set("a", value).await.expect("written")),
                Operation::Delete => store.remove("a").await.expect("removed"),
                _ => store.purge(&key("a"), Expect::Anything).await.expect("purged"),
            }
            let history = store.history(&key("a")).await.expect("history");
            assert_eq!(history.iter().map(|entry| entry.operation).collect::<Vec<_>>(), [operation]);
            let entry = history.into_iter().next().expect("one");
            assert!(entry.revision > last && entry.value == value);
            last = entry.revision;
        }
        return;
    }
    let store = harness.bucket(BucketSettings::new("history").history(3)).await;
    for value in ["1", "2", "3", "4"] {
        store.set("a", value).await.expect("written");
    }
    store.set("b", "other").await.expect("written");
    let values = |entries: Vec<crate::Entry>| -> Vec<Bytes> {
        entries.into_iter().filter(crate::Entry::is_put).map(|entry| entry.value).collect()
    };
    assert_eq!(values(store.history(&key("a")).await.expect("history")), ["2", "3", "4"]);
    store.remove("a").await.expect("removed");
    let history = store.history(&key("a")).await.expect("history");
    assert_eq!(history.last().map(|entry| entry.operation), Some(Operation::Delete));
    assert_eq!(values(history), ["3", "4"]);
    store.purge(&key("a"), Expect::Anything).await.expect("purged");
    let history = store.history(&key("a")).await.expect("history");
    assert_eq!(history.iter().map(|entry| entry.operation).collect::<Vec<_>>(), [Operation::Purge]);
}

/// Keys are listed by pattern, without those that were removed.
pub async fn keys_are_listed_by_pattern(harness: &impl KeyValueHarness) {
    let store = plain(harness).await;
    for name in ["orders.1", "orders.2", "orders.2.total", "carts.1"] {
        store.set(name, "x").await.expect("written");
    }
    store.remove("orders.1").await.expect("removed");
    for (pattern, expected) in [
        (">", vec!["carts.1", "orders.2", "orders.2.total"]),
        ("orders.*", vec!["orders.2"]),
        ("orders.>", vec!["orders.2", "orders.2.total"]),
        ("carts.1", vec!["carts.1"]),
        ("none.*", vec![]),
    ] {
        let pattern = KeyPattern::new(pattern).expect("a pattern");
        let listed = store.all_keys(&pattern).await.expect("listed");
        assert_eq!(listed, expected.into_iter().map(key).collect::<Vec<_>>(), "{pattern}");
    }
}

/// Thousands of keys are listed, each, while others are written and removed.
pub async fn many_keys_are_listed_completely_while_others_are_written(harness: &impl KeyValueHarness) {
    const KEYS: usize = 3_000;
    let store = plain(harness).await;
    let writes = (0..KEYS).map(|number| {
        let store = Arc::clone(&store);
        async move { store.set(format!("kept.{number}"), "x").await }
    });
    let mut writes = futures_util::StreamExt::buffer_unordered(futures_util::stream::iter(writes), 64);
    while let Some(written) = futures_util::StreamExt::next(&mut writes).await {
        written.expect("written");
    }
    let others = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for number in 0..500 {
                store.set(format!("passing.{number}"), "x").await.expect("written");
                store.remove(format!("passing.{number}")).await.expect("removed");
            }
        }
    });
    let listed = store.all_keys(&KeyPattern::all()).await.expect("listed");
    let kept = listed.iter().filter(|key| key.as_str().starts_with("kept.")).count();
    assert_eq!(kept, KEYS);
    others.await.expect("the others");
}

/// A value above the limit of the bucket is refused, one at the limit is not.
pub async fn a_value_that_is_too_large_is_refused(harness: &impl KeyValueHarness) {
    let store = harness.bucket(BucketSettings::new("small").max_value_size(ByteSize::kib(4))).await;
    let revision = store.set("a", vec![7; 4096]).await.expect("written");
    store.update("a", vec![8; 4096], revision).await.expect("written with a condition");
    match store.set("a", vec![9; 4097]).await {
        Err(StoreError::TooLarge { size: 4097, limit: Some(4096) }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(store.read("a").await.expect("read").expect("a value").value, vec![8; 4096]);
}

/// A batch of reads answers in the order of its keys.
pub async fn many_keys_are_read_at_once(harness: &impl KeyValueHarness) {
    let store = plain(harness).await;
    let keys: Vec<Key> = (0..200).map(|number| key(&format!("k.{number}"))).collect();
    for (number, key) in keys.iter().enumerate().filter(|(number, _)| number % 2 == 0) {
        store.set(key, number.to_string()).await.expect("written");
    }
    let found = store.read_many(&keys, Read::Latest).await.expect("read");
    assert_eq!(found.len(), keys.len());
    for (number, entry) in found.into_iter().enumerate() {
        let expected = (number % 2 == 0).then(|| Bytes::from(number.to_string()));
        assert_eq!(entry.map(|entry| entry.value), expected, "{number}");
    }
}

/// The status is that of the moment.
pub async fn status_tells_what_is_there(harness: &impl KeyValueHarness) {
    let store = plain(harness).await;
    assert_eq!(store.status().await.expect("status").entries, 0);
    let revision = store.set("a", "x").await.expect("written");
    let status = store.status().await.expect("status");
    assert_eq!((status.bucket.as_str(), status.entries, status.history), ("plain", 1, 1));
    assert!(status.last >= revision && !status.key_ttl && status.ttl.is_none());
}
