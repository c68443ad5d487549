//! Buckets shared with clients of other languages: see `interop/README.md`.

use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;
use underpin_store::{
    BucketSettings, Entry, Expect, JetStreamKeyValue, Key, KeyPattern, KeyValue, KeyValueExt, Operation, Ttl,
    Watch, WatchEvent, WatchOptions,
};
use underpin_testkit::{Interop, NatsServer};

use crate::support::{LIMIT, connect, open};

/// The packages, by name and version.
const PYTHON: [&str; 1] = ["nats-py==2.16.0"];
const NODE: [&str; 3] = ["@nats-io/jetstream@3.4.0", "@nats-io/kv@3.4.0", "@nats-io/transport-node@3.4.0"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_py_reads_what_we_write_and_we_read_what_it_writes() {
    let Some(python) = Interop::python(&PYTHON) else { return };
    exchange(&python, "kv.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_js_reads_what_we_write_and_we_read_what_it_writes() {
    let Some(node) = Interop::node(&NODE) else { return };
    exchange(&node, "kv.mjs").await;
}

async fn exchange(language: &Interop, script: &str) {
    let server = NatsServer::private().await;
    let nats = connect(server.url()).await;
    let carts = open(&nats, BucketSettings::new("carts").history(5)).await;
    let leases = open(&nats, BucketSettings::new("leases").key_ttl(true)).await;
    write(&carts).await;
    let mut watch = leases.watch(WatchOptions::all()).await.unwrap();
    leases.create("ours.lease", "x", Ttl::After(Duration::from_secs(1))).await.unwrap();

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(script);
    let mut peer = language.script(script);
    peer.arg(server.url());
    tokio::task::spawn_blocking(move || Interop::run(&mut peer, "the peer")).await.unwrap();

    read(&carts).await;
    for name in ["ours.lease", "theirs.lease"] {
        let (put, expired) = (change(&mut watch).await, change(&mut watch).await);
        assert_eq!((put.key.as_str(), put.operation), (name, Operation::Put));
        assert_eq!((expired.key.as_str(), expired.operation), (name, Operation::Expired));
        assert!(leases.read(name).await.unwrap().is_none());
    }
}

fn bytes() -> Vec<u8> {
    (0..=255).collect()
}

async fn write(carts: &JetStreamKeyValue) {
    for value in ["1", "2"] {
        carts.set("ours.updated", value).await.unwrap();
    }
    carts.set("ours.bytes", bytes()).await.unwrap();
    for key in ["ours.deleted", "ours.purged"] {
        carts.set(key, "x").await.unwrap();
    }
    carts.remove("ours.deleted").await.unwrap();
    carts.purge(&Key::new("ours.purged").unwrap(), Expect::Anything).await.unwrap();
}

async fn read(carts: &JetStreamKeyValue) {
    let history = async |key: &str| -> Vec<(Operation, String)> {
        let entries = carts.history(&Key::new(key).unwrap()).await.unwrap();
        let text = |entry: &Entry| String::from_utf8_lossy(&entry.value).into_owned();
        entries.iter().map(|entry| (entry.operation, text(entry))).collect()
    };
    let (put, gone) =
        (|value: &str| (Operation::Put, value.to_owned()), |operation| (operation, String::new()));
    assert_eq!(history("ours.updated").await, [put("1"), put("2"), put("3")]);
    assert_eq!(history("ours.deleted").await, [put("x"), gone(Operation::Delete), put("again")]);
    assert_eq!(history("theirs.updated").await, [put("1"), put("2")]);
    assert_eq!(history("theirs.deleted").await, [put("x"), gone(Operation::Delete)]);
    assert_eq!(history("theirs.purged").await, [gone(Operation::Purge)]);
    assert_eq!(carts.read("theirs.bytes").await.unwrap().unwrap().value, bytes());
    let keys = carts.all_keys(&KeyPattern::new("theirs.*").unwrap()).await.unwrap();
    assert_eq!(keys, ["theirs.bytes", "theirs.updated"].map(|key| Key::new(key).unwrap()));
    carts.create("theirs.deleted", "again", Ttl::Bucket).await.unwrap();
    carts.create("theirs.purged", "again", Ttl::Bucket).await.unwrap();
}

async fn change(watch: &mut Box<dyn Watch>) -> Entry {
    loop {
        if let WatchEvent::Changed(entry) = timeout(LIMIT, watch.next()).await.unwrap().unwrap() {
            return entry;
        }
    }
}
