//! Uploads that end early.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};
use underpin_config::ByteSize;

use super::fixture::{CHUNK, bytes, name, nothing_left, put_pieces, read, settings, small_chunks};
use super::harness::ObjectsHarness;
use crate::{GetObject, ObjectData, ObjectDigest, ObjectsExt, PutObject, StoreError};

/// Data that ends with an error changes nothing, and leaves nothing behind.
pub async fn a_failing_stream_stores_nothing(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    objects.put_bytes("a", "before").await.expect("stored");
    for text in ["a", "b"] {
        let pieces = stream::iter((0..20).map(|_| Ok(bytes(CHUNK))))
            .chain(stream::iter([Err(std::io::Error::other("the client went away"))]));
        let failed = put_pieces(&objects, text, pieces).await;
        assert!(matches!(failed, Err(StoreError::Data(_))), "{failed:?}");
    }
    assert_eq!(read(&objects, "a").await.expect("an object"), "before");
    assert!(read(&objects, "b").await.is_none());
    nothing_left(harness, &objects).await;
}

/// An upload whose future or writer is dropped changes nothing, and leaves nothing behind.
pub async fn a_dropped_upload_stores_nothing(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    let pieces = stream::iter((0..20).map(|_| Ok(bytes(CHUNK)))).chain(stream::pending());
    let dropped = timeout(Duration::from_millis(200), put_pieces(&objects, "a", pieces)).await;
    assert!(dropped.is_err());
    let mut writer = objects.writer(name("b"), PutObject::default());
    writer.write_all(&bytes(CHUNK * 20)).await.expect("written");
    drop(writer);
    assert!(read(&objects, "a").await.is_none());
    nothing_left(harness, &objects).await;
    assert!(read(&objects, "b").await.is_none());
}

/// Data that pauses for too long is given up.
pub async fn data_that_pauses_is_given_up(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    let pieces = stream::iter([Ok::<_, std::io::Error>(bytes(CHUNK))]).chain(stream::pending());
    let options = PutObject::default().idle(Duration::from_millis(100));
    let failed = objects.put(&name("a"), ObjectData::stream(pieces), options).await;
    assert!(matches!(failed, Err(StoreError::Timeout { .. })), "{failed:?}");
    nothing_left(harness, &objects).await;
}

/// An upload that trickles is alive: sweeps that are older than its pauses leave it alone, and it is read as any other.
pub async fn an_upload_that_trickles_is_not_swept(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    let (idle, age) = (Duration::from_millis(600), Duration::from_secs(1));
    let data = bytes(CHUNK * 2 + 3_000);
    let first = data.slice(..CHUNK + 10);
    // Far less than a chunk within the age of the sweep.
    let rest: Vec<_> =
        (CHUNK + 10..data.len()).step_by(500).map(|at| data.slice(at..data.len().min(at + 500))).collect();
    let trickle = stream::iter(rest).then(|piece| async {
        sleep(Duration::from_millis(80)).await;
        Ok::<_, std::io::Error>(piece)
    });
    let pieces = stream::iter([Ok(first)]).chain(trickle);
    let put = tokio::spawn({
        let objects = Arc::clone(&objects);
        async move { objects.put(&name("a"), ObjectData::stream(pieces), PutObject::default().idle(idle)).await }
    });
    while harness.capabilities().sweep && !put.is_finished() {
        assert_eq!(objects.sweep(age).await.expect("swept").orphans, 0, "an upload that is alive");
        sleep(Duration::from_millis(100)).await;
    }
    let stored = put.await.expect("no panic").expect("stored");
    assert_eq!(
        (stored.size, stored.digest.unwrap_or(ObjectDigest::of(&data))),
        (data.len() as u64, ObjectDigest::of(&data))
    );
    assert!(read(&objects, "a").await.expect("an object") == data);
    let range = CHUNK as u64 + 5..CHUNK as u64 * 2 + 100;
    let reader = objects.get(&name("a"), GetObject::default().range(range.clone())).await.expect("opened");
    let part = reader.expect("an object").read_all(usize::MAX).await.expect("read");
    assert!(part == data.slice(range.start as usize..range.end as usize), "a part");
}

/// Data with another digest or size than announced is refused before it is visible.
pub async fn other_data_than_announced_is_refused(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    let data = bytes(CHUNK * 3);
    let options = PutObject::default().digest(ObjectDigest::of("other"));
    let refused = objects.put(&name("a"), data.clone().into(), options).await;
    assert!(matches!(refused, Err(StoreError::DigestMismatch)), "{refused:?}");
    for size in [data.len() as u64 - 1, data.len() as u64 + 1] {
        let pieces = stream::iter([Ok::<_, std::io::Error>(data.clone())]);
        let announced = ObjectData::stream(pieces).with_size(size);
        let refused = objects.put(&name("a"), announced, PutObject::default()).await;
        assert!(matches!(refused, Err(StoreError::Data(_))), "{refused:?}");
    }
    assert!(read(&objects, "a").await.is_none());
    let options = PutObject::default().digest(ObjectDigest::of(&data));
    objects.put(&name("a"), data.clone().into(), options).await.expect("stored");
    assert!(read(&objects, "a").await.expect("an object") == data);
    nothing_left(harness, &objects).await;
}

/// A full bucket refuses an object, leaves nothing of it, and keeps what it has.
pub async fn a_full_bucket_refuses_objects(harness: &impl ObjectsHarness) {
    if !harness.capabilities().max_bytes {
        return;
    }
    let objects = harness.bucket(settings("small").max_bytes(ByteSize::kib(256))).await;
    objects.put_bytes("a", bytes(64 * 1024)).await.expect("stored");
    let refused = objects.put_bytes("b", bytes(512 * 1024)).await;
    assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    assert!(read(&objects, "b").await.is_none());
    assert_eq!(read(&objects, "a").await.expect("an object").len(), 64 * 1024);
    nothing_left(harness, &objects).await;
    objects.put_bytes("b", bytes(64 * 1024)).await.expect("there is room again");
}
