//! Buckets in memory with a journal: they pass the suite, and a restart changes nothing.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use underpin_errors::HealthStatus;
use underpin_journal::{JournalSettings, JournalSync};
use underpin_logger::NoopLogger;
use underpin_store::conformance::{KeyValueHarness, StoreCapabilities};
use underpin_store::{
    BucketSettings, Expect, Key, KeyPattern, KeyValue, KeyValueExt as _, MemoryKeyValue, Operation,
    StoreError, Ttl,
};

struct Journaled(tempfile::TempDir);

#[async_trait]
impl KeyValueHarness for Journaled {
    async fn start() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn bucket(&self, settings: BucketSettings) -> Arc<dyn KeyValue> {
        let journal = JournalSettings::new(self.0.path().join(&settings.name)).sync(JournalSync::Always);
        Arc::new(MemoryKeyValue::open(settings, &journal, Arc::new(NoopLogger)).expect("valid settings"))
    }

    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities::default()
    }
}

underpin_store::key_value_tests!(Journaled);

fn open(path: &Path, settings: BucketSettings) -> MemoryKeyValue {
    MemoryKeyValue::open(settings, &JournalSettings::new(path), Arc::new(NoopLogger)).unwrap()
}

/// Every key with its writes, as a reader sees them.
async fn contents(store: &MemoryKeyValue, keys: &[Key]) -> BTreeMap<String, Vec<(u64, Operation, Bytes)>> {
    let mut contents = BTreeMap::new();
    for key in keys {
        let history = store.history(key).await.unwrap();
        let writes =
            history.into_iter().map(|entry| (entry.revision.get(), entry.operation, entry.value)).collect();
        contents.insert(key.as_str().to_owned(), writes);
    }
    contents
}

#[tokio::test]
async fn a_restart_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    let settings = || BucketSettings::new("bucket").history(3);
    let keys: Vec<Key> = (0..5).map(|n| Key::new(&format!("key.{n}")).unwrap()).collect();
    let mut state = 42_u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut store = open(&path, settings());
    for step in 0..400_u64 {
        let key = &keys[usize::try_from(random(5)).unwrap()];
        match random(8) {
            0 => store.delete(key, Expect::Anything).await.unwrap(),
            1 => store.purge(key, Expect::Anything).await.unwrap(),
            2 if random(4) == 0 => drop(store.forget_removals(Duration::ZERO).await.unwrap()),
            _ => drop(store.put(key, step.to_string().into(), Expect::Anything, Ttl::Bucket).await.unwrap()),
        }
        if step % 40 == 39 {
            let (before, last) = (contents(&store, &keys).await, store.status().await.unwrap().last);
            drop(store);
            store = open(&path, settings());
            assert_eq!(contents(&store, &keys).await, before, "step {step}");
            assert_eq!(store.status().await.unwrap().last, last, "step {step}");
        }
    }
}

#[tokio::test]
async fn a_time_to_live_goes_on_while_no_process_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    let settings = || BucketSettings::new("bucket").key_ttl(true);
    let store = open(&path, settings());
    let (short, long) = (Ttl::After(Duration::from_secs(1)), Ttl::After(Duration::from_secs(3600)));
    let revision = store.create("short", "1", short).await.unwrap();
    store.create("long", "2", long).await.unwrap();
    drop(store);
    let written = std::time::Instant::now();
    while written.elapsed() < Duration::from_millis(1100) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let store = open(&path, settings());
    assert!(store.read("short").await.unwrap().is_none());
    assert_eq!(store.read("long").await.unwrap().unwrap().value, "2");
    assert!(store.create("short", "3", Ttl::Bucket).await.unwrap() > revision);
}

#[tokio::test]
async fn what_is_obsolete_leaves_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    let store = open(&path, BucketSettings::new("bucket"));
    let value = Bytes::from(vec![7; 256 * 1024]);
    for _ in 0..200 {
        store.set("key", value.clone()).await.unwrap();
    }
    assert!(std::fs::metadata(&path).unwrap().len() < 32 * 1024 * 1024, "50 MiB were written");
    drop(store);
    let store = open(&path, BucketSettings::new("bucket"));
    let entry = store.read("key").await.unwrap().unwrap();
    assert_eq!((entry.value, entry.revision.get()), (value, 200));
}

#[tokio::test]
async fn one_process_has_a_bucket_open_and_damage_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    let store = open(&path, BucketSettings::new("bucket"));
    let again = || {
        MemoryKeyValue::open(
            BucketSettings::new("bucket"),
            &JournalSettings::new(&path),
            Arc::new(NoopLogger),
        )
    };
    let locked = again().unwrap_err();
    assert!(matches!(locked, StoreError::Backend { .. }), "{locked:?}");
    for n in 0..10 {
        store.set("key", n.to_string()).await.unwrap();
    }
    assert_eq!(underpin_errors::HealthCheck::check(&store).await.status, HealthStatus::Up);
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(format!("{:?}", again().unwrap_err()).contains("Damaged"));
}

/// Where the process that is killed finds the journal.
const VICTIM: &str = "UNDERPIN_TEST_BUCKET";

/// A process writes until it is killed with `kill -9`, three times over with one journal. Every acknowledged write is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_no_acknowledged_write() {
    if let Some(path) = std::env::var_os(VICTIM) {
        return victim(Path::new(&path)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    let mut acknowledged = 0;
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "memory_journal::kill_9_loses_no_acknowledged_write", "--nocapture"])
            .env(VICTIM, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        while seen < 1000 {
            let line = lines.next().expect("it goes on until it is killed").unwrap();
            if let Some(key) = line.strip_prefix("acknowledged ") {
                acknowledged = key.parse().unwrap();
                seen += 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // The last line may be torn.
        let rest: Vec<String> =
            lines.map_while(Result::ok).filter(|line| line.len() == "acknowledged 000000".len()).collect();
        if let Some(key) = rest.last().and_then(|line| line.strip_prefix("acknowledged ")) {
            acknowledged = key.parse().unwrap();
        }
        let store = open(&path, BucketSettings::new("bucket"));
        for n in 1..=acknowledged {
            assert!(store.read(&*format!("key.{n:06}")).await.unwrap().is_some(), "{n} of {acknowledged}");
        }
    }
    assert!(acknowledged >= 3000, "{acknowledged}");
}

/// Writes one key after another, and says so.
async fn victim(path: &Path) {
    let store = open(path, BucketSettings::new("bucket"));
    let mut keys = store.keys(&KeyPattern::all()).await.unwrap();
    let mut n: u64 = 0;
    while let Some(key) = keys.next().await.unwrap() {
        n = n.max(key.as_str().trim_start_matches("key.").parse().unwrap());
    }
    loop {
        n += 1;
        store.set(&*format!("key.{n:06}"), "x").await.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {n:06}").unwrap();
        out.flush().unwrap();
    }
}
