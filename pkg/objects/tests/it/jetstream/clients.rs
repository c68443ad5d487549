//! Buckets shared with clients of other languages: see `interop/README.md`.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use underpin_objects::{ObjectBucketSettings, ObjectName, Objects, ObjectsExt, PutObject};
use underpin_testkit::{Interop, NatsServer};

use crate::support::{connect, open_objects};

/// The packages, by name and version.
const PYTHON: [&str; 1] = ["nats-py==2.16.0"];
const NODE: [&str; 3] = ["@nats-io/jetstream@3.4.0", "@nats-io/obj@3.4.0", "@nats-io/transport-node@3.4.0"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_py_reads_our_objects_and_we_read_its() {
    let Some(python) = Interop::python(&PYTHON) else { return };
    exchange(&python, "objects.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_js_reads_our_objects_and_we_read_its() {
    let Some(node) = Interop::node(&NODE) else { return };
    exchange(&node, "objects.mjs").await;
}

async fn exchange(language: &Interop, script: &str) {
    let server = NatsServer::private().await;
    let files =
        Arc::new(open_objects(&connect(server.url()).await, ObjectBucketSettings::new("files")).await);
    let data: Bytes = (0..300_000).map(|at| (at % 251) as u8).collect();
    let name = ObjectName::new("ours/a b.bin").unwrap();
    files.put(&name, data.clone().into(), PutObject::default().description("from here")).await.unwrap();
    files.put_bytes("ours/old", "x").await.unwrap();

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(script);
    let mut peer = language.script(script);
    peer.arg(server.url());
    tokio::task::spawn_blocking(move || Interop::run(&mut peer, "the peer")).await.unwrap();

    assert_eq!(files.read_bytes("theirs.bin", usize::MAX).await.unwrap().unwrap(), data);
    for gone in ["ours/old", "theirs.gone"] {
        assert!(files.head(&ObjectName::new(gone).unwrap()).await.unwrap().is_none(), "{gone}");
    }
    let mut names: Vec<_> = files.names("").await.unwrap();
    names.sort();
    assert_eq!(names, [name, ObjectName::new("theirs.bin").unwrap()]);
}
