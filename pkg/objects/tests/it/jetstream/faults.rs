//! Uploads and downloads while servers and networks fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use underpin_config::ByteSize;
use underpin_nats::Connection;
use underpin_objects::{
    BucketObjects, GetObject, ListObjects, ObjectBucketSettings, ObjectData, ObjectEvent, ObjectExpect,
    ObjectName, Objects, PutObject, StoreError, WatchObjects,
};
use underpin_testkit::{Direction, Fault, NatsServer, Proxy};

use crate::support::{LIMIT, connect, eventually, open_objects};

const CHUNK: usize = 16 * 1024;

fn settings() -> ObjectBucketSettings {
    ObjectBucketSettings::new("files").chunk_size(ByteSize::kib(16)).window(4)
}

fn name(text: impl AsRef<str>) -> ObjectName {
    ObjectName::new(text).unwrap()
}

fn bytes(size: usize) -> Bytes {
    (0..size).map(|at| (at % 251) as u8).collect()
}

async fn call(nats: &Connection, subject: &str, body: &Value) -> Value {
    let until = Instant::now() + LIMIT;
    let answer = nats.request(subject.into(), None, body.to_string().into(), until).await.unwrap();
    serde_json::from_slice(&answer.payload).unwrap()
}

/// The subjects of chunks that the server has.
async fn chunk_subjects(nats: &Connection) -> usize {
    let body = json!({ "subjects_filter": "$O.files.C.>" });
    let info = call(nats, "$JS.API.STREAM.INFO.OBJ_files", &body).await;
    info["state"]["subjects"].as_object().map_or(0, serde_json::Map::len)
}

async fn read(objects: &BucketObjects, name: &ObjectName) -> Result<Option<Bytes>, StoreError> {
    match objects.get(name, GetObject::default()).await? {
        Some(reader) => reader.read_all(usize::MAX).await.map(Some),
        None => Ok(None),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_during_200_uploads_leaves_no_orphan_after_the_sweep() {
    let server = NatsServer::private().await;
    let nats = connect(server.url()).await;
    let objects = open_objects(&nats, settings()).await;
    let finished = Arc::new(AtomicUsize::new(0));
    let uploads: Vec<_> = (0..200_usize)
        .map(|number| {
            let (objects, finished) = (objects.clone(), Arc::clone(&finished));
            tokio::spawn(async move {
                // Some end before the others have begun.
                let pieces = stream::iter(0..4 + number / 4).then(move |_| async move {
                    sleep(Duration::from_millis(number as u64 / 4)).await;
                    Ok::<_, std::io::Error>(bytes(CHUNK))
                });
                let data = ObjectData::stream(pieces);
                let stored = objects.put(&name(format!("{number}")), data, PutObject::default()).await;
                finished.fetch_add(usize::from(stored.is_ok()), Ordering::SeqCst);
                (number, stored.map(|info| info.size))
            })
        })
        .collect();
    eventually("some are stored", || async { finished.load(Ordering::SeqCst) >= 20 }).await;
    server.kill().await;
    let (mut stored, mut failed) = (Vec::new(), 0);
    for upload in uploads {
        match timeout(LIMIT, upload).await.expect("it ends").expect("no panic") {
            (number, Ok(size)) => stored.push((number, size)),
            (_, Err(error)) => {
                assert!(error.is_retryable(), "{error:?}");
                failed += 1;
            }
        }
    }
    assert!(stored.len() >= 20 && failed >= 20, "{} stored, {failed} failed", stored.len());
    server.restart().await;
    eventually("it works again", || async { objects.head(&name("0")).await.is_ok() }).await;
    timeout(LIMIT, objects.close()).await.expect("removals end");
    objects.sweep(Duration::ZERO).await.unwrap();
    let listed = objects.list(ListObjects::default()).await.unwrap().objects;
    assert_eq!(chunk_subjects(&nats).await, listed.len(), "orphans");
    for (number, size) in stored {
        let read = read(&objects, &name(format!("{number}"))).await.unwrap().expect("what was stored");
        assert_eq!(read.len() as u64, size);
    }
    for info in listed {
        assert_eq!(read(&objects, &info.name).await.unwrap().unwrap().len() as u64, info.size);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_holds_at_most_its_window() {
    let server = NatsServer::private().await;
    let proxy = Arc::new(Proxy::to(server.url()).await);
    let objects = open_objects(&connect(proxy.url()).await, settings()).await;
    let read = Arc::new(AtomicUsize::new(0));
    let pieces = stream::iter(0..60).map({
        let (read, proxy) = (Arc::clone(&read), Arc::clone(&proxy));
        move |number| {
            // No acknowledgement arrives from here on.
            if number == 1 {
                proxy.set(Fault::Freeze(Direction::ToClient));
            }
            read.fetch_add(1, Ordering::SeqCst);
            Ok::<_, std::io::Error>(bytes(CHUNK))
        }
    });
    let put = tokio::spawn(async move {
        objects.put(&name("a"), ObjectData::stream(pieces), PutObject::default()).await
    });
    eventually("the window is full", || async { read.load(Ordering::SeqCst) >= 5 }).await;
    sleep(Duration::from_millis(300)).await;
    // The window, the chunk that waits for it, and the first one, whose acknowledgement may have arrived.
    let held = read.load(Ordering::SeqCst);
    assert!(held <= 6, "{held} chunks");
    proxy.set(Fault::None);
    assert_eq!(put.await.unwrap().unwrap().size, 60 * CHUNK as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_found() {
    let server = NatsServer::private().await;
    let nats = connect(server.url()).await;
    let objects = open_objects(&nats, settings()).await;
    let data = bytes(CHUNK * 10);
    for (text, damage) in [("missing", 0), ("added", 1), ("changed", 2), ("one", 3)] {
        let name = name(text);
        let data = if damage == 3 { data.slice(..10) } else { data.clone() };
        objects.put(&name, data.clone().into(), PutObject::default()).await.unwrap();
        assert_eq!(read(&objects, &name).await.unwrap().unwrap(), data);
        let last = json!({ "last_by_subj": "$O.files.C.>" });
        let last = call(&nats, "$JS.API.STREAM.MSG.GET.OBJ_files", &last).await;
        let (sequence, subject) = (last["message"]["seq"].as_u64().unwrap(), &last["message"]["subject"]);
        let subject = subject.as_str().unwrap().to_owned();
        let remove = json!({ "seq": sequence - if damage == 0 { 4 } else { 0 } });
        if damage != 1 {
            let removed = call(&nats, "$JS.API.STREAM.MSG.DELETE.OBJ_files", &remove).await;
            assert_eq!(removed["success"], true, "{removed}");
        }
        if damage != 0 {
            let until = Instant::now() + LIMIT;
            let other =
                if damage == 3 { bytes(10).iter().map(|byte| byte ^ 1).collect() } else { vec![7; CHUNK] };
            nats.request(subject.into(), None, other.into(), until).await.unwrap();
        }
        let found = timeout(LIMIT, read(&objects, &name)).await.expect("told in time");
        assert!(matches!(found, Err(StoreError::Corrupt(_))), "{text}: {:?}", found.map(|_| ()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_goes_on_after_a_lost_connection() {
    let server = NatsServer::private().await;
    let proxy = Proxy::to(server.url()).await;
    let objects = open_objects(&connect(proxy.url()).await, settings()).await;
    let data = bytes(CHUNK * 40);
    objects.put(&name("a"), data.clone().into(), PutObject::default()).await.unwrap();
    let mut reader = objects.get(&name("a"), GetObject::default()).await.unwrap().unwrap();
    let mut all = Vec::new();
    while let Some(chunk) = timeout(LIMIT, reader.next()).await.expect("in time") {
        all.extend_from_slice(&chunk.expect("a chunk"));
        if all.len() % (CHUNK * 10) == 0 {
            proxy.cut();
        }
    }
    assert!(all == data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_ends_with_a_frozen_server() {
    let server = NatsServer::private().await;
    let objects = open_objects(&connect(server.url()).await, settings()).await;
    let a = name("a");
    objects.put(&a, bytes(CHUNK * 40).into(), PutObject::default()).await.unwrap();
    let mut reader = objects.get(&a, GetObject::default()).await.unwrap().unwrap();
    reader.next().await.unwrap().unwrap();
    server.pause().await;
    let calls = async {
        tokio::join!(
            async { objects.put(&a, "x".into(), PutObject::default()).await.map(drop) },
            async { objects.get(&a, GetObject::default()).await.map(drop) },
            async { objects.head(&a).await.map(drop) },
            async { objects.delete(&a, ObjectExpect::Anything).await.map(drop) },
            async { objects.list(ListObjects::default()).await.map(drop) },
            async { objects.watch(WatchObjects::default()).await.map(drop) },
            async { objects.sweep(Duration::ZERO).await.map(drop) },
            async { reader.read_all(usize::MAX).await.map(drop) },
        )
    };
    let (put, get, head, delete, list, watch, sweep, read) =
        timeout(LIMIT * 2, calls).await.expect("every call ends");
    for failed in [put, get, head, delete, list, watch, sweep, read] {
        let error = failed.expect_err("a frozen server answers nothing");
        assert!(error.is_retryable(), "{error:?}");
    }
    server.resume().await;
    eventually("it works again", || async {
        objects.put(&a, "y".into(), PutObject::default()).await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_acknowledgement_leaves_the_object_or_nothing() {
    let server = NatsServer::private().await;
    let proxy = Proxy::to(server.url()).await;
    let direct = connect(server.url()).await;
    let objects = open_objects(&connect(proxy.url()).await, settings()).await;
    let other = open_objects(&direct, settings()).await;
    for round in 0..5_usize {
        let data = bytes(CHUNK * 8 + round);
        // Its answers are lost from some chunk on.
        let pieces: Vec<_> =
            data.chunks(CHUNK).map(Bytes::copy_from_slice).map(Ok::<_, std::io::Error>).collect();
        let put = tokio::spawn({
            let objects = objects.clone();
            async move {
                let slow = stream::iter(pieces).then(|piece| async {
                    sleep(Duration::from_millis(5)).await;
                    piece
                });
                objects.put(&name("a"), ObjectData::stream(slow), PutObject::default()).await
            }
        });
        sleep(Duration::from_millis(10 * round as u64)).await;
        proxy.set(Fault::Freeze(Direction::ToClient));
        sleep(Duration::from_millis(100)).await;
        proxy.set(Fault::Cut);
        sleep(Duration::from_millis(20)).await;
        proxy.set(Fault::None);
        let stored = timeout(LIMIT, put).await.expect("it ends").expect("no panic");
        eventually("the link is back", || async { objects.head(&name("a")).await.is_ok() }).await;
        if let Ok(info) = stored {
            assert_eq!(read(&other, &name("a")).await.unwrap().unwrap().len() as u64, info.size);
        }
    }
    timeout(LIMIT, objects.close()).await.expect("removals end");
    other.sweep(Duration::ZERO).await.unwrap();
    let listed = other.list(ListObjects::default()).await.unwrap().objects.len();
    assert_eq!(chunk_subjects(&direct).await, listed, "orphans");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_keeps_what_an_interrupted_watch_has_to_learn() {
    let server = NatsServer::private().await;
    let proxy = Proxy::to(server.url()).await;
    let watched = open_objects(&connect(proxy.url()).await, settings()).await;
    let writer = open_objects(&connect(server.url()).await, settings()).await;
    writer.put(&name("a"), "x".into(), PutObject::default()).await.unwrap();
    let mut watch = watched.watch(WatchObjects::default()).await.unwrap();
    assert!(matches!(watch.next().await.unwrap(), ObjectEvent::Stored(_)));
    assert_eq!(watch.next().await.unwrap(), ObjectEvent::Current);
    proxy.set(Fault::Cut);
    assert!(writer.delete(&name("a"), ObjectExpect::Anything).await.unwrap());
    writer.sweep(Duration::ZERO).await.unwrap();
    proxy.set(Fault::None);
    let learned = timeout(LIMIT, watch.next()).await.expect("told in time").unwrap();
    assert_eq!(learned, ObjectEvent::Deleted(name("a")));
}
