use std::collections::BTreeMap;

use underpin_errors::BoxError;
use underpin_store::{KeyValue, Revision, Watch, WatchEvent, WatchOptions};

use super::record::StoreRecord;
use super::worker::StoreWorker;

/// The key that is written when all faults are over.
pub(super) const END: &str = "end";

/// Keeps what a watch tells it, and reports it when it sees the end.
pub(super) async fn run(worker: StoreWorker) -> Result<(), BoxError> {
    loop {
        match worker.data.watch(WatchOptions::all()).await {
            Ok(watch) => follow(&worker, watch).await?,
            Err(error) if error.is_retryable() => {}
            Err(error) => broken(&worker, format!("watch: {error:?}")).await?,
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// Follows a watch until it fails, which it should not.
async fn follow(worker: &StoreWorker, mut watch: Box<dyn Watch>) -> Result<(), BoxError> {
    let (mut known, mut last) = (BTreeMap::new(), Revision::default());
    loop {
        match watch.next().await {
            Ok(WatchEvent::Changed(entry)) => {
                if entry.revision <= last {
                    broken(worker, format!("revision {} after {last}", entry.revision)).await?;
                }
                last = entry.revision;
                let value = String::from_utf8_lossy(&entry.value).into_owned();
                match entry.is_put() {
                    true => drop(known.insert(entry.key.to_string(), value)),
                    false => drop(known.remove(entry.key.as_str())),
                }
                if entry.key.as_str() == END {
                    let (watcher, entries) = (worker.name.clone(), known.clone());
                    worker.reporter.tell(StoreRecord::State { watcher, entries }).await?;
                }
            }
            Ok(WatchEvent::Reset) => (known, last) = (BTreeMap::new(), Revision::default()),
            Ok(_) => {}
            Err(error) => return broken(worker, format!("the watch ended: {error:?}")).await,
        }
    }
}

async fn broken(worker: &StoreWorker, what: String) -> Result<(), BoxError> {
    worker.reporter.tell(StoreRecord::Broken(format!("{}: {what}", worker.name))).await
}
