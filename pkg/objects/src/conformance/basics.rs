//! Storing, reading and deleting.

use futures_util::stream;
use tokio::io::AsyncReadExt;

use super::fixture::{CHUNK, bytes, name, read, small_chunks};
use super::harness::ObjectsHarness;
use crate::{
    GetObject, ObjectData, ObjectDigest, ObjectExpect, ObjectName, ObjectsExt, PutObject, StoreError,
};

/// A name without an object has none, and its deletion is no error.
pub async fn an_absent_object_is_none(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    assert!(objects.get(&name("a"), GetObject::default()).await.expect("opened").is_none());
    assert!(objects.head(&name("a")).await.expect("asked").is_none());
    assert!(!objects.delete(&name("a"), ObjectExpect::Anything).await.expect("deleted"));
    let refused = objects.delete(&name("a"), ObjectExpect::Absent).await;
    assert!(matches!(refused, Err(StoreError::InvalidOption { .. })), "{refused:?}");
}

/// Objects around the size of a chunk, and of many, come back with their digest.
pub async fn objects_of_every_size_come_back(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 8 * 1024 * 1024 + 1] {
        let data = bytes(size);
        let stored = objects.put_bytes("a", data.clone()).await.expect("stored");
        let found = objects.head(&name("a")).await.expect("asked").expect("an object");
        assert_eq!((stored.size, found.size, &found.version), (size as u64, size as u64, &stored.version));
        assert_eq!(stored.digest, found.digest);
        if harness.capabilities().digest && size < 1024 * 1024 {
            assert_eq!(stored.digest, Some(ObjectDigest::of(&data)));
        }
        assert!(read(&objects, "a").await.expect("an object") == data, "{size} bytes");
        let mut reader = objects.get(&name("a"), GetObject::default()).await.expect("opened").expect("there");
        let mut all = Vec::new();
        reader.read_to_end(&mut all).await.expect("read");
        assert!(all == data, "{size} bytes");
    }
}

/// Data may come in pieces of any size, by a stream, a reader or a writer.
pub async fn pieces_of_any_size_are_stored(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    let data = bytes(3 * CHUNK + 77);
    for piece in [1, 100, 8192, CHUNK + 1] {
        let pieces: Vec<_> = data.chunks(piece).map(bytes::Bytes::copy_from_slice).map(Ok).collect();
        super::fixture::put_pieces(&objects, "stream", stream::iter(pieces)).await.expect("stored");
        assert!(read(&objects, "stream").await.expect("an object") == data, "pieces of {piece}");
    }
    let reader = std::io::Cursor::new(data.clone());
    objects.put(&name("reader"), ObjectData::reader(reader), PutObject::default()).await.expect("stored");
    assert!(read(&objects, "reader").await.expect("an object") == data);
    let mut writer = objects.writer(name("writer"), PutObject::default());
    for piece in data.chunks(1000) {
        tokio::io::AsyncWriteExt::write_all(&mut writer, piece).await.expect("written");
    }
    assert!(objects.head(&name("writer")).await.expect("asked").is_none(), "visible before the end");
    assert_eq!(writer.finish().await.expect("stored").size, data.len() as u64);
    assert!(read(&objects, "writer").await.expect("an object") == data);
}

/// Media type, description and metadata of any text come back.
pub async fn attributes_come_back(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    let mut options = PutObject::default().content_type("text/plain; charset=utf-8");
    if harness.capabilities().attributes {
        options = options.description("Grüße \u{1f600}").metadata("owner", "Zoë").metadata("empty", "");
        let stored = objects.put(&name("a"), "x".into(), options.clone()).await.expect("stored");
        let found = objects.head(&name("a")).await.expect("asked").expect("an object");
        for info in [stored, found] {
            assert_eq!(info.content_type.as_deref(), Some("text/plain; charset=utf-8"));
            assert_eq!(info.description.as_deref(), Some("Grüße \u{1f600}"));
            assert_eq!(info.metadata, options.metadata);
        }
    } else {
        let refused = objects.put(&name("a"), "x".into(), options).await;
        assert!(matches!(refused, Err(StoreError::Unsupported { .. })), "{refused:?}");
    }
}

/// A name is any text without control characters.
pub async fn names_are_any_text(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    let names = ["a", "a b", "reports/2026/Q4.pdf", "ü/\u{1f600}", "a*b>c", "100%", "a+b&c=d?e#f", "..a"];
    for text in names {
        objects.put_bytes(text, text).await.expect("stored");
    }
    for text in names {
        assert_eq!(read(&objects, text).await.expect("an object"), text);
        let info = objects.head(&name(text)).await.expect("asked").expect("an object");
        assert_eq!(info.name.as_str(), text);
    }
    let mut listed: Vec<String> =
        objects.names("").await.expect("listed").iter().map(ToString::to_string).collect();
    listed.sort();
    let mut expected = names.to_vec();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    for text in ["", "a\u{0}b", "a\nb"] {
        assert!(matches!(ObjectName::new(text), Err(StoreError::InvalidName { .. })));
    }
}

/// A part of an object is read without the rest.
pub async fn ranges_are_read(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    let (data, size) = (bytes(5 * CHUNK + 10), 5 * CHUNK + 10);
    objects.put_bytes("noise", bytes(CHUNK * 2)).await.expect("stored");
    objects.put_bytes("a", data.clone()).await.expect("stored");
    let ranges =
        [(0, 1), (0, size), (5, 10), (CHUNK - 1, CHUNK + 1), (CHUNK * 3, CHUNK * 4), (size - 1, size + 100)];
    for (start, end) in ranges {
        let options = GetObject::default().range(start as u64..end as u64);
        let reader = objects.get(&name("a"), options).await.expect("opened").expect("an object");
        assert_eq!(reader.info().size, size as u64);
        let part = reader.read_all(usize::MAX).await.expect("read");
        assert!(part == data.slice(start..end.min(size)), "{start}..{end}");
    }
    for (start, end) in [(10_u64, 10_u64), (size as u64, size as u64 + 1), (u64::MAX - 1, u64::MAX)] {
        let options = GetObject::default().range(start..end);
        let reader = objects.get(&name("a"), options).await.expect("opened").expect("an object");
        assert!(reader.read_all(1).await.expect("read").is_empty(), "{start}..{end}");
    }
}

/// A deleted object is gone, and its name can be used again.
pub async fn a_deleted_object_is_gone(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    for round in 0..2 {
        objects.put_bytes("a", bytes(CHUNK * 2)).await.expect("stored");
        assert!(objects.delete(&name("a"), ObjectExpect::Anything).await.expect("deleted"), "{round}");
        assert!(!objects.delete(&name("a"), ObjectExpect::Anything).await.expect("deleted"), "{round}");
        assert!(read(&objects, "a").await.is_none());
        assert!(objects.names("").await.expect("listed").is_empty());
    }
    super::fixture::nothing_left(harness, &objects).await;
}

/// What is larger than its reader takes is an error, and not cut.
pub async fn a_reader_has_a_limit(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    objects.put_bytes("a", bytes(CHUNK + 1)).await.expect("stored");
    let refused = objects.read_bytes("a", CHUNK).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })), "{refused:?}");
    assert_eq!(objects.read_bytes("a", CHUNK + 1).await.expect("read").expect("there").len(), CHUNK + 1);
}

/// URLs are there where they are declared.
pub async fn presigned_urls_are_as_declared(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    assert_eq!(objects.presign().is_some(), harness.capabilities().presign);
}
