//! Two clients of one bucket. Both read from a reader, and into a buffer.

use std::io::Cursor;
use std::sync::Arc;

use async_nats::jetstream;
use async_nats::jetstream::object_store::ObjectStore;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};
use underpin_logger::NoopLogger;
use underpin_nats::{Connection, NatsSettings};
use underpin_objects::{
    BucketObjects, GetObject, JetStreamObjects, ObjectBucketSettings, ObjectData, ObjectName, Objects,
    ObjectsSettings, PutObject, Storage,
};

use crate::{Done, LARGE};

const BUCKET: &str = "bench";
const NAME: &str = "object";

pub(crate) struct Ours {
    objects: BucketObjects,
    name: ObjectName,
    data: Bytes,
}

pub(crate) struct Theirs {
    store: ObjectStore,
    data: Bytes,
}

fn data() -> Bytes {
    (0..LARGE).map(|at| (at % 251) as u8).collect()
}

/// Reads to the end.
async fn drain(mut reader: impl AsyncRead + Unpin, size: usize) {
    let (mut buffer, mut read) = (vec![0; 128 * 1024], 0);
    loop {
        match reader.read(&mut buffer).await {
            Ok(0) => break,
            Ok(length) => read += length,
            Err(error) => panic(&error),
        }
    }
    assert_eq!(read, size, "what was put is read");
}

#[allow(clippy::panic, reason = "a benchmark whose call fails measures nothing")]
fn panic(error: &dyn std::error::Error) -> ! {
    panic!("{error}: {:?}", error.source())
}

impl Ours {
    pub(crate) async fn open(url: &str) -> Done<Self> {
        let nats = Connection::connect(&NatsSettings::new(url), Arc::new(NoopLogger)).await?;
        let bucket = ObjectBucketSettings::new(BUCKET).storage(Storage::Memory);
        let settings = ObjectsSettings::default().bucket(bucket);
        let buckets = JetStreamObjects::open(nats, &settings, Arc::new(NoopLogger)).await?;
        Ok(Self { objects: buckets.bucket(BUCKET)?, name: ObjectName::new(NAME)?, data: data() })
    }

    pub(crate) async fn put(&self, size: usize) {
        self.put_from(Cursor::new(self.data.slice(..size))).await;
    }

    pub(crate) async fn put_from(&self, reader: impl AsyncRead + Send + 'static) {
        let put = self.objects.put(&self.name, ObjectData::reader(reader), PutObject::default());
        if let Err(error) = put.await {
            panic(&error);
        }
    }

    pub(crate) async fn get(&self, size: usize) {
        match self.objects.get(&self.name, GetObject::default()).await {
            Ok(Some(reader)) => drain(reader, size).await,
            Ok(None) => panic(&std::io::Error::other("no object")),
            Err(error) => panic(&error),
        }
    }
}

impl Theirs {
    pub(crate) async fn open(url: &str) -> Done<Self> {
        let client = async_nats::connect(url).await?;
        Ok(Self { store: jetstream::new(client).get_object_store(BUCKET).await?, data: data() })
    }

    pub(crate) async fn put(&self, size: usize) {
        self.put_from(Cursor::new(self.data.slice(..size))).await;
    }

    pub(crate) async fn put_from(&self, mut reader: impl AsyncRead + Unpin) {
        if let Err(error) = self.store.put(NAME, &mut reader).await {
            panic(&error);
        }
    }

    pub(crate) async fn get(&self, size: usize) {
        match self.store.get(NAME).await {
            Ok(object) => drain(object, size).await,
            Err(error) => panic(&error),
        }
    }
}
