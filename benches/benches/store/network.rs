//! Reads and writes of 100 bytes over a real server: one after the other, and 64 reads at once. Each contender has a connection.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, kv};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::runtime::Runtime;
use underpin_benches::{Comparison, GoPeer};
use underpin_logger::NoopLogger;
use underpin_nats::{Connection, NatsSettings};
use underpin_store::{
    BucketSettings, Expect, JetStreamKeyValue, JetStreamStore, Key, KeyValue, Read, Storage, StoreSettings,
    Ttl,
};
use underpin_testkit::NatsServer;

const AT_ONCE: usize = 64;
pub(crate) const VALUE: Bytes = Bytes::from_static(&[b'x'; 100]);

/// A bucket through this crate and through async-nats.
pub(crate) struct Buckets {
    pub(crate) ours: JetStreamKeyValue,
    pub(crate) theirs: kv::Store,
}

impl Buckets {
    pub(crate) async fn open(url: &str, name: &str) -> Result<Self, Box<dyn Error>> {
        let nats = Connection::connect(&NatsSettings::new(url), Arc::new(NoopLogger)).await?;
        let bucket = BucketSettings::new(name).storage(Storage::Memory);
        let settings = StoreSettings::default().bucket(bucket);
        let store = JetStreamStore::open(nats, &settings, Arc::new(NoopLogger)).await?;
        let client = async_nats::connect(url).await?;
        let theirs = jetstream::new(client).get_key_value(name).await?;
        Ok(Self { ours: store.key_value(name)?, theirs })
    }
}

pub(crate) fn run(runtime: &Runtime, get: bool, put: bool) -> Result<(), Box<dyn Error>> {
    let server = runtime.block_on(NatsServer::private());
    let buckets = runtime.block_on(Buckets::open(server.url(), "bench"))?;
    let go = GoPeer::build("store", &[server.url(), "bench"])?;
    let key = Key::new("a.b")?;
    runtime.block_on(buckets.ours.put(&key, VALUE, Expect::Anything, Ttl::Bucket))?;
    let Buckets { ours, theirs } = &buckets;
    for (title, at_once) in
        [("get of 100 bytes, one after the other", 1), ("get of 100 bytes, 64 at once", AT_ONCE)]
    {
        if !get {
            continue;
        }
        let read = |read: Read| {
            let key = &key;
            move |times| {
                runtime.block_on(repeat(times, at_once, || async { drop(check(ours.get(key, read).await)) }))
            }
        };
        let comparison = Comparison::new(title, "get")
            .timed("async-nats", |times| {
                runtime.block_on(repeat(times, at_once, || async { drop(check(theirs.entry("a.b").await)) }))
            })
            .timed("underpin, any replica", read(Read::Any))
            .timed("underpin, latest", read(Read::Latest));
        with_go(comparison, go.as_ref(), if at_once == 1 { "get" } else { "get-64" }).print();
    }
    if put {
        let comparison = Comparison::new("put of 100 bytes, one after the other", "put")
            .timed("async-nats", |times| {
                runtime.block_on(repeat(times, 1, || async {
                    std::hint::black_box(check(theirs.put("a.b", VALUE).await));
                }))
            })
            .timed("underpin", |times| {
                runtime.block_on(repeat(times, 1, || async {
                    check(ours.put(&key, VALUE, Expect::Anything, Ttl::Bucket).await);
                }))
            });
        with_go(comparison, go.as_ref(), "put").print();
        Comparison::new("compare and set in a loop, without another writer", "write")
            .timed("async-nats", |times| {
                runtime.block_on(async {
                    let mut revision = check(theirs.put("cas", VALUE).await);
                    let start = Instant::now();
                    for _ in 0..times {
                        revision = check(theirs.update("cas", VALUE, revision).await);
                    }
                    start.elapsed()
                })
            })
            .timed("underpin", |times| {
                runtime.block_on(async {
                    let key = check(Key::new("cas"));
                    let mut revision = check(ours.put(&key, VALUE, Expect::Anything, Ttl::Bucket).await);
                    let start = Instant::now();
                    for _ in 0..times {
                        revision =
                            check(ours.put(&key, VALUE, Expect::Revision(revision), Ttl::Bucket).await);
                    }
                    start.elapsed()
                })
            })
            .print();
    }
    Ok(())
}

fn with_go<'a>(comparison: Comparison<'a>, go: Option<&'a GoPeer>, work: &'static str) -> Comparison<'a> {
    match go {
        Some(go) => comparison.timed("nats.go", move |times| go.run(work, times)),
        None => comparison,
    }
}

async fn repeat<F: Future<Output = ()> + Send>(
    times: u64,
    at_once: usize,
    call: impl Fn() -> F + Send + Sync,
) -> Duration {
    let start = Instant::now();
    if at_once == 1 {
        for _ in 0..times {
            call().await;
        }
    } else {
        stream::iter(0..times).map(|_| call()).buffer_unordered(at_once).for_each(|()| async {}).await;
    }
    start.elapsed()
}

#[allow(clippy::panic, reason = "a benchmark whose call fails measures nothing")]
pub(crate) fn check<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error:?}"),
    }
}
