//! Watches. A backend without them refuses.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::fixtures::{change, key, next, plain};
use super::harness::KeyValueHarness;
use crate::{
    BucketSettings, Expect, KeyPattern, KeyValue, KeyValueExt, Operation, Revision, StoreError, Watch,
    WatchEvent, WatchOptions, WatchStart,
};

/// A bucket and the patience for it; none for a backend that refuses watches.
async fn watchable(harness: &impl KeyValueHarness) -> Option<(Arc<dyn KeyValue>, Duration)> {
    let (store, capabilities) = (plain(harness).await, harness.capabilities());
    if capabilities.watch {
        return Some((store, capabilities.patience));
    }
    let refused = store.watch(WatchOptions::all()).await.err();
    assert!(matches!(refused, Some(StoreError::Unsupported { .. })), "{refused:?}");
    None
}

async fn watch(store: &Arc<dyn KeyValue>, options: WatchOptions) -> Box<dyn Watch> {
    store.watch(options).await.expect("watched")
}

/// The last value of each key comes first, then the end of the state, then changes.
pub async fn the_state_is_told_and_then_its_end(harness: &impl KeyValueHarness) {
    let Some((store, patience)) = watchable(harness).await else { return };
    for (name, value) in [("a", "1"), ("b", "1"), ("a", "2")] {
        store.set(name, value).await.expect("written");
    }
    let mut watch = watch(&store, WatchOptions::all()).await;
    let (b, a) = (change(&mut watch, patience).await, change(&mut watch, patience).await);
    assert_eq!((b.key, b.value), (key("b"), "1".into()));
    assert_eq!((a.key, a.value), (key("a"), "2".into()));
    assert_eq!(next(&mut watch, patience).await, WatchEvent::Current);
    let revision = store.set("c", "1").await.expect("written");
    let c = change(&mut watch, patience).await;
    assert_eq!((c.key, c.revision), (key("c"), revision));
}

/// The end of a state that is empty comes at once.
pub async fn an_empty_state_has_an_end(harness: &impl KeyValueHarness) {
    let Some((store, patience)) = watchable(harness).await else { return };
    store.set("other", "x").await.expect("written");
    let none = KeyPattern::new("none.>").expect("a pattern");
    let mut watch = watch(&store, WatchOptions::new(none)).await;
    assert_eq!(next(&mut watch, patience).await, WatchEvent::Current);
    store.set("none.1", "x").await.expect("written");
    assert_eq!(change(&mut watch, patience).await.key, key("none.1"));
}

/// Every change comes, in the order of the revisions and once; two watches see the same.
pub async fn changes_come_in_order_and_once(harness: &impl KeyValueHarness) {
    const CHANGES: usize = 200;
    let Some((_, patience)) = watchable(harness).await else { return };
    let store = harness.bucket(BucketSettings::new("history").history(64)).await;
    let mut watches = [watch(&store, WatchOptions::all()).await, watch(&store, WatchOptions::all()).await];
    for number in 0..CHANGES {
        store.set(format!("k.{}", number % 7), number.to_string()).await.expect("written");
    }
    for watch in &mut watches {
        let (mut last, mut seen) = (Revision::default(), Vec::new());
        while seen.len() < CHANGES {
            if let WatchEvent::Changed(entry) = next(watch, patience).await {
                assert!(entry.revision > last);
                last = entry.revision;
                seen.push(entry.value);
            }
        }
        let expected: Vec<_> = (0..CHANGES).map(|number| number.to_string()).collect();
        assert_eq!(seen, expected);
    }
}

/// Removals and values are left out on request.
pub async fn removals_and_values_are_told_as_asked(harness: &impl KeyValueHarness) {
    let Some((store, patience)) = watchable(harness).await else { return };
    let mut all = watch(&store, WatchOptions::all()).await;
    let mut values = watch(&store, WatchOptions::all().without_removals()).await;
    let mut names = watch(&store, WatchOptions::all().without_values()).await;
    for watch in [&mut all, &mut values, &mut names] {
        assert_eq!(next(watch, patience).await, WatchEvent::Current);
    }
    store.set("a", "x").await.expect("written");
    assert!(change(&mut names, patience).await.value.is_empty());
    assert_eq!(change(&mut values, patience).await.value, "x");
    assert_eq!(change(&mut all, patience).await.value, "x");
    store.remove("a").await.expect("removed");
    assert_eq!(change(&mut all, patience).await.operation, Operation::Delete);
    store.set("b", "y").await.expect("written");
    store.purge(&key("b"), Expect::Anything).await.expect("purged");
    store.set("c", "z").await.expect("written");
    assert_eq!(change(&mut names, patience).await.operation, Operation::Delete);
    // A purge may remove the value before the watch delivers it.
    let mut told = Vec::new();
    while told.last() != Some(&key("c")) {
        let entry = change(&mut values, patience).await;
        assert!(entry.is_put());
        told.push(entry.key);
    }
    loop {
        let entry = change(&mut all, patience).await;
        if entry.operation == Operation::Purge {
            assert_eq!(entry.key, key("b"));
            break;
        }
        assert_eq!(entry.key, key("b"));
    }
}

/// A watch begins with the state, with what is new, or after a revision.
pub async fn a_watch_begins_where_asked(harness: &impl KeyValueHarness) {
    let Some((store, patience)) = watchable(harness).await else { return };
    let first = store.set("a", "1").await.expect("written");
    store.set("b", "2").await.expect("written");
    let mut new = watch(&store, WatchOptions::all().start(WatchStart::New)).await;
    let mut after = watch(&store, WatchOptions::all().start(WatchStart::After(first))).await;
    assert_eq!(change(&mut after, patience).await.key, key("b"));
    assert_eq!(next(&mut after, patience).await, WatchEvent::Current);
    assert_eq!(next(&mut new, patience).await, WatchEvent::Current);
    store.set("c", "3").await.expect("written");
    assert_eq!(change(&mut new, patience).await.key, key("c"));
    assert_eq!(change(&mut after, patience).await.key, key("c"));
    // A revision that this bucket never had.
    let unknown = WatchStart::After(Revision::new(1_000_000));
    let mut reset = watch(&store, WatchOptions::all().start(unknown)).await;
    assert_eq!(next(&mut reset, patience).await, WatchEvent::Reset);
    assert_eq!(change(&mut reset, patience).await.key, key("a"));
}

/// Only keys that match a pattern are delivered.
pub async fn only_the_wanted_keys_are_watched(harness: &impl KeyValueHarness) {
    let Some((store, patience)) = watchable(harness).await else { return };
    let pattern = |text| KeyPattern::new(text).expect("a pattern");
    let mut options = WatchOptions::new(pattern("orders.*"));
    options.patterns.push(pattern("carts.>"));
    let mut watch = watch(&store, options).await;
    assert_eq!(next(&mut watch, patience).await, WatchEvent::Current);
    for name in ["orders.1", "orders.1.total", "other", "carts.1.lines", "orders.2"] {
        store.set(name, "x").await.expect("written");
    }
    for name in ["orders.1", "carts.1.lines", "orders.2"] {
        assert_eq!(change(&mut watch, patience).await.key, key(name));
    }
}

/// A reader that is slower than the writers gets the last value of every key.
pub async fn a_slow_reader_gets_the_last_value_of_each_key(harness: &impl KeyValueHarness) {
    const WRITES: usize = 3_000;
    let Some((store, patience)) = watchable(harness).await else { return };
    let mut watch = watch(&store, WatchOptions::all()).await;
    assert_eq!(next(&mut watch, patience).await, WatchEvent::Current);
    for number in 0..WRITES {
        store.set(format!("k.{}", number % 10), number.to_string()).await.expect("written");
    }
    let end = store.set("end", "x").await.expect("written");
    let mut known = HashMap::new();
    loop {
        let entry = change(&mut watch, patience).await;
        if entry.revision == end {
            break;
        }
        known.insert(entry.key, entry.value);
    }
    for number in WRITES - 10..WRITES {
        let value = known.get(&key(&format!("k.{}", number % 10)));
        assert_eq!(value, Some(&number.to_string().into()));
    }
}

/// A call that is dropped while it waits loses no event.
pub async fn a_dropped_call_loses_no_event(harness: &impl KeyValueHarness) {
    let Some((_, patience)) = watchable(harness).await else { return };
    let store = harness.bucket(BucketSettings::new("history").history(64)).await;
    let mut watch = watch(&store, WatchOptions::all()).await;
    let writer = tokio::spawn(async move {
        for number in 0..50 {
            store.set("a", number.to_string()).await.expect("written");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    let (mut seen, until) = (Vec::new(), tokio::time::Instant::now() + patience);
    while seen.len() < 50 {
        assert!(tokio::time::Instant::now() < until, "{} of 50", seen.len());
        let event = tokio::time::timeout(Duration::from_millis(1), watch.next()).await;
        if let Ok(Ok(WatchEvent::Changed(entry))) = event {
            seen.push(entry.value);
        }
    }
    let expected: Vec<_> = (0..50).map(|number| number.to_string()).collect();
    assert_eq!(seen, expected);
    writer.await.expect("the writer");
}
