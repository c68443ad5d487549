use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tempfile::TempDir;
use tokio::sync::mpsc;
use underpin_objects::conformance::{ObjectCapabilities, ObjectsHarness};
use underpin_objects::{
    ExternalObjects, ObjectBucketSettings, ObjectData, ObjectName, Objects, ObjectsExt, PutObject,
};

use crate::support::eventually;

struct Folder(TempDir);

#[async_trait]
impl ObjectsHarness for Folder {
    async fn start() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    async fn bucket(&self, settings: ObjectBucketSettings) -> Arc<dyn Objects> {
        Arc::new(ExternalObjects::folder(self.0.path().join(settings.name)).expect("a folder"))
    }

    fn capabilities(&self) -> ObjectCapabilities {
        let mut capabilities = ObjectCapabilities::none();
        capabilities.sweep = true;
        capabilities
    }
}

underpin_objects::objects_tests!(Folder);

/// Where the process that is killed finds the folder.
const VICTIM: &str = "UNDERPIN_TEST_FOLDER";
const MINUTE: Duration = Duration::from_secs(60);

fn name(text: &str) -> ObjectName {
    ObjectName::new(text).unwrap()
}

/// More than a part, and no end.
async fn upload_without_end(files: &ExternalObjects, text: &str) {
    let pieces = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![7; 1024 * 1024]))).take(12);
    let data = ObjectData::stream(pieces.chain(stream::pending()));
    files.put(&name(text), data, PutObject::default()).await.unwrap();
}

/// The files below a folder, from there on.
fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries: Vec<PathBuf> =
            std::fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()).collect();
        let (below, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.is_dir());
        folders.extend(below);
        found.extend(files.iter().map(|file| file.strip_prefix(folder).unwrap().display().to_string()));
    }
    found.sort();
    found
}

fn make_old(file: &Path) {
    let file = std::fs::File::options().write(true).open(file).unwrap();
    file.set_modified(SystemTime::now() - MINUTE * 2).unwrap();
}

/// A process is killed in the middle of an upload: what it leaves is no object, and a sweep removes it once it is old enough. Uploads that
/// are alive and objects stay, whatever they are called.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_removes_what_a_killed_process_left() {
    if let Some(folder) = std::env::var_os(VICTIM) {
        return upload_without_end(&ExternalObjects::folder(folder).unwrap(), "reports/a").await;
    }
    let root = tempfile::tempdir().unwrap();
    let files = Arc::new(ExternalObjects::folder(root.path()).unwrap());
    for text in ["reports/b", "c#1"] {
        files.put_bytes(text, "data").await.unwrap();
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "folder::a_sweep_removes_what_a_killed_process_left"])
        .env(VICTIM, root.path())
        .spawn()
        .unwrap();
    let left = root.path().join("reports/a#1");
    eventually("a part is written", || async {
        left.metadata().is_ok_and(|file| file.len() >= 8 * 1024 * 1024)
    })
    .await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(files_below(root.path()), ["c%231", "reports/a#1", "reports/b"]);
    assert_eq!(files.names("").await.unwrap(), [name("c#1"), name("reports/b")]);

    assert_eq!(files.sweep(MINUTE).await.unwrap().orphans, 0, "it may be alive");
    for file in ["c%231", "reports/a#1", "reports/b"] {
        make_old(&root.path().join(file));
    }
    let alive = tokio::spawn({
        let files = Arc::clone(&files);
        async move { upload_without_end(&files, "reports/a").await }
    });
    let second = root.path().join("reports/a#2");
    eventually("another upload has begun", || async { second.exists() }).await;
    assert_eq!(files.sweep(MINUTE).await.unwrap().orphans, 1);
    assert_eq!(files_below(root.path()), ["c%231", "reports/a#2", "reports/b"]);
    assert_eq!(files.sweep(MINUTE).await.unwrap().orphans, 0);
    alive.abort();
    drop(alive.await);
    files.close().await;
    assert_eq!(files_below(root.path()), ["c%231", "reports/b"]);
}

/// A slow upload writes what it has before it is as old as an abandoned one.
#[tokio::test]
async fn a_slow_upload_shows_that_it_is_alive() {
    let root = tempfile::tempdir().unwrap();
    let files = ExternalObjects::folder(root.path()).unwrap();
    let (left, first) = (root.path().join("a#1"), 8 * 1024 * 1024 + 1);
    let (slow, pieces) = mpsc::unbounded_channel::<usize>();
    let pieces = stream::unfold(pieces, |mut pieces| async {
        let piece = vec![7; pieces.recv().await?];
        Some((Ok::<_, std::io::Error>(Bytes::from(piece)), pieces))
    });
    let (put, options) = (files.clone(), PutObject::default());
    let half = options.idle / 2;
    let put = tokio::spawn(async move { put.put(&name("a"), ObjectData::stream(pieces), options).await });
    slow.send(first).unwrap();
    let written = async |size: usize| {
        eventually("what there is is written", || async {
            left.metadata().is_ok_and(|file| file.len() == size as u64)
        })
        .await;
    };
    written(first - 1).await;
    for piece in 1..=2 {
        tokio::time::pause();
        tokio::time::advance(half).await;
        tokio::time::resume();
        slow.send(1).unwrap();
        written(first + piece).await;
    }
    drop(slow);
    assert_eq!(put.await.unwrap().unwrap().size, first as u64 + 2);
}
