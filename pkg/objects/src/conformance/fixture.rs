use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout};
use underpin_config::ByteSize;

use super::harness::ObjectsHarness;
use crate::{
    GetObject, ObjectBucketSettings, ObjectData, ObjectEvent, ObjectName, ObjectWatch, Objects, ObjectsExt,
    PutObject, StoreError, Swept,
};

/// The size of a chunk in the suite.
pub(super) const CHUNK: usize = 16 * 1024;

pub(super) fn settings(name: &str) -> ObjectBucketSettings {
    ObjectBucketSettings::new(name).chunk_size(ByteSize::kib(16)).window(4)
}

pub(super) async fn small_chunks(harness: &impl ObjectsHarness) -> Arc<dyn Objects> {
    harness.bucket(settings("plain")).await
}

pub(super) async fn with_object_ttl(harness: &impl ObjectsHarness) -> Arc<dyn Objects> {
    harness.bucket(settings("expiring").object_ttl(true)).await
}

pub(super) fn name(text: &str) -> ObjectName {
    ObjectName::new(text).expect("a name")
}

/// Bytes without a period that a chunk has.
pub(super) fn bytes(size: usize) -> Bytes {
    (0..size).map(|at| (at % 251) as u8 ^ (at / 65_536) as u8).collect()
}

pub(super) async fn read(objects: &Arc<dyn Objects>, text: &str) -> Option<Bytes> {
    objects.read_bytes(text, usize::MAX).await.expect("read")
}

/// Puts a stream that ends with an error, or never.
pub(super) async fn put_pieces(
    objects: &Arc<dyn Objects>,
    text: &str,
    pieces: impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
) -> Result<crate::ObjectInfo, StoreError> {
    objects.put(&name(text), ObjectData::stream(pieces), PutObject::default()).await
}

/// Waits until a name has no object, and returns how long that took.
pub(super) async fn gone(objects: &Arc<dyn Objects>, text: &str, within: Duration) -> Duration {
    let began = Instant::now();
    while objects.head(&name(text)).await.expect("asked").is_some() {
        // What can be found can be read, unless it expired between the two.
        match objects.get(&name(text), GetObject::default()).await.expect("opened") {
            Some(reader) => match reader.read_all(usize::MAX).await {
                Ok(_) | Err(StoreError::Replaced) => {}
                Err(error) => panic!("listed and not readable: {error:?}"),
            },
            None => break,
        }
        assert!(began.elapsed() < within, "{text} does not expire");
        sleep(Duration::from_millis(20)).await;
    }
    began.elapsed()
}

/// Waits until no data is without an object, without removing any by a sweep.
pub(super) async fn nothing_left(harness: &impl ObjectsHarness, objects: &Arc<dyn Objects>) {
    if !harness.capabilities().sweep {
        let refused = objects.sweep(Duration::ZERO).await;
        assert!(matches!(refused, Err(StoreError::Unsupported { .. })), "{refused:?}");
        return;
    }
    // What a failed upload leaves is removed by a task; the sweep that finds nothing proves that it was.
    sleep(Duration::from_millis(500)).await;
    let swept = objects.sweep(Duration::ZERO).await.expect("swept");
    assert_eq!(Swept { tombstones: 0, ..swept }, Swept::default(), "data without an object");
}

/// The next event of a watch.
pub(super) async fn next(watch: &mut Box<dyn ObjectWatch>, within: Duration) -> ObjectEvent {
    timeout(within, watch.next()).await.expect("an event in time").expect("an event")
}
