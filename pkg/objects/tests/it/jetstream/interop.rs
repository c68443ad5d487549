//! Buckets shared with another client of the same specification.

use std::collections::HashMap;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use underpin_nats::async_nats::HeaderMap;
use underpin_nats::async_nats::jetstream::object_store::{self, ObjectMetadata, ObjectStore};
use underpin_nats::async_nats::jetstream::{self};
use underpin_objects::{
    GetObject, ObjectBucketSettings, ObjectDigest, ObjectEvent, ObjectExpect, ObjectName, Objects, PutObject,
    WatchObjects,
};
use underpin_testkit::NatsServer;

use crate::support::{LIMIT, connect, open_objects};

fn bytes(size: usize) -> Bytes {
    (0..size).map(|at| (at % 251) as u8).collect()
}

async fn read(store: &ObjectStore, name: &str) -> Vec<u8> {
    let mut all = Vec::new();
    let mut object = store.get(name).await.expect("found");
    timeout(LIMIT, object.read_to_end(&mut all)).await.expect("in time").expect("read");
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_below_reads_our_objects_and_we_read_its() {
    let server = NatsServer::private().await;
    let nats = connect(server.url()).await;
    let ours = open_objects(&nats, ObjectBucketSettings::new("files")).await;
    let theirs = jetstream::new(nats.client()).get_object_store("files").await.unwrap();
    let mut watch = ours.watch(WatchObjects::default()).await.unwrap();
    assert_eq!(watch.next().await.unwrap(), ObjectEvent::Current);
    let mut their_watch = theirs.watch().await.unwrap();

    let (name, data) = (ObjectName::new("a b/ü.txt").unwrap(), bytes(300_000));
    let options = PutObject::default().content_type("text/plain").description("d").metadata("k", "v");
    let stored = ours.put(&name, data.clone().into(), options).await.unwrap();
    assert_eq!(read(&theirs, name.as_str()).await, data);
    let info = theirs.info(name.as_str()).await.unwrap();
    assert_eq!((info.name.as_str(), info.size, info.chunks), (name.as_str(), data.len(), 3));
    assert_eq!((info.description.as_deref(), info.metadata["k"].as_str()), (Some("d"), "v"));
    assert_eq!(info.headers.unwrap().get("Content-Type").unwrap().as_str(), "text/plain");
    let told = timeout(LIMIT, their_watch.next()).await.unwrap().unwrap().unwrap();
    assert_eq!((told.name.as_str(), told.digest), (name.as_str(), info.digest));
    assert!(
        matches!(watch.next().await.unwrap(), ObjectEvent::Stored(info) if info.version == stored.version)
    );

    let mut headers = HeaderMap::new();
    headers.insert("Content-Type", "image/png");
    let metadata = ObjectMetadata {
        name: "theirs".to_owned(),
        description: Some("of the other client".to_owned()),
        metadata: HashMap::from([("a".to_owned(), "b".to_owned())]),
        headers: Some(headers),
        ..ObjectMetadata::default()
    };
    theirs.put(metadata, &mut data.as_ref()).await.unwrap();
    let their_name = ObjectName::new("theirs").unwrap();
    let info = ours.head(&their_name).await.unwrap().unwrap();
    assert_eq!(info.digest, Some(ObjectDigest::of(&data)));
    assert_eq!((info.content_type.as_deref(), info.metadata["a"].as_str()), (Some("image/png"), "b"));
    assert!(info.modified <= SystemTime::now() + LIMIT);
    for range in [None, Some(200_000..200_010)] {
        let mut options = GetObject::default();
        options.range.clone_from(&range);
        let reader = ours.get(&their_name, options).await.unwrap().unwrap();
        let expected =
            range.map_or(data.clone(), |range| data.slice(range.start as usize..range.end as usize));
        assert_eq!(reader.read_all(usize::MAX).await.unwrap(), expected);
    }

    let object = theirs.info("theirs").await.unwrap();
    theirs.add_link("link", &object).await.unwrap();
    let reader = ours.get(&ObjectName::new("link").unwrap(), GetObject::default()).await.unwrap().unwrap();
    assert_eq!(reader.read_all(usize::MAX).await.unwrap(), data);

    assert!(ours.delete(&name, ObjectExpect::Version(stored.version)).await.unwrap());
    let gone = theirs.get(name.as_str()).await.map(drop).unwrap_err();
    assert_eq!(gone.kind(), object_store::GetErrorKind::NotFound);
    theirs.delete("theirs").await.unwrap();
    assert!(ours.head(&their_name).await.unwrap().is_none());
    ours.put(&their_name, "again".into(), PutObject::default().expect(ObjectExpect::Absent)).await.unwrap();
    assert_eq!(read(&theirs, "theirs").await, b"again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_of_the_client_below_is_ours() {
    let server = NatsServer::private().await;
    let nats = connect(server.url()).await;
    let config = object_store::Config { bucket: "files".to_owned(), ..object_store::Config::default() };
    let theirs = jetstream::new(nats.client()).create_object_store(config).await.unwrap();
    theirs.put("a", &mut b"1".as_slice()).await.unwrap();
    let ours = open_objects(&nats, ObjectBucketSettings::new("files")).await;
    let name = ObjectName::new("a").unwrap();
    let first = ours.head(&name).await.unwrap().unwrap().version;
    theirs.put("a", &mut b"2".as_slice()).await.unwrap();
    let stale = PutObject::default().expect(ObjectExpect::Version(first));
    assert!(ours.put(&name, "3".into(), stale).await.unwrap_err().is_conflict());
    ours.put(&name, "4".into(), PutObject::default()).await.unwrap();
    assert_eq!(read(&theirs, "a").await, b"4");
}
