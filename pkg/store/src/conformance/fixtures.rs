use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::harness::KeyValueHarness;
use crate::{BucketSettings, Entry, Key, KeyValue, KeyValueExt, Watch, WatchEvent};

pub(super) async fn plain(harness: &impl KeyValueHarness) -> Arc<dyn KeyValue> {
    harness.bucket(BucketSettings::new("plain")).await
}

pub(super) async fn with_key_ttl(harness: &impl KeyValueHarness) -> Arc<dyn KeyValue> {
    harness.bucket(BucketSettings::new("expiring").key_ttl(true)).await
}

pub(super) fn key(text: &str) -> Key {
    Key::new(text).expect("a key")
}

/// Waits until a key has no value, and returns how long that took.
pub(super) async fn gone(store: &Arc<dyn KeyValue>, name: &str, within: Duration) -> Duration {
    let began = Instant::now();
    while store.read(name).await.expect("read").is_some() {
        assert!(began.elapsed() < within, "{name} does not expire");
        sleep(Duration::from_millis(20)).await;
    }
    began.elapsed()
}

/// The next event of a watch.
pub(super) async fn next(watch: &mut Box<dyn Watch>, within: Duration) -> WatchEvent {
    timeout(within, watch.next()).await.expect("an event in time").expect("an event")
}

/// The next change of a watch.
pub(super) async fn change(watch: &mut Box<dyn Watch>, within: Duration) -> Entry {
    match next(watch, within).await {
        WatchEvent::Changed(entry) => entry,
        other => panic!("a change, not {other:?}"),
    }
}
