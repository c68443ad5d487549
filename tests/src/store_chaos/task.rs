use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_errors::BoxError;
use underpin_logger::NoopLogger;
use underpin_nats::{Connection, NatsSettings, ReconnectSettings};
use underpin_store::{BucketSettings, JetStreamStore, StoreSettings};

use super::record::Reporter;
use super::worker::{DATA, EXPIRING, StoreWorker};
use super::{client, holder, watcher};
use crate::chaos::random::Random;
use crate::process::{WorkerTask, live_no_longer_than_the_driver, stop_on_sigterm};

const PAUSE: Duration = Duration::from_millis(100);

/// What a worker process of a store is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct StoreTask {
    pub(super) name: String,
    pub(super) role: StoreRole,
    pub(super) nats_url: String,
    /// Where the driver listens.
    pub(super) ledger: String,
    pub(super) folder: PathBuf,
    pub(super) seed: u64,
    /// The process that must outlive this one.
    pub(super) parent: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StoreRole {
    /// Takes locks.
    Holder { locks: u32, lease_ms: u64 },
    /// Counts, writes, and uses sessions and a limit.
    Client,
    /// Keeps what a watch tells it.
    Watcher,
}

impl WorkerTask for StoreTask {
    const VARIABLE: &'static str = "UNDERPIN_STORE_CHAOS_WORKER";

    fn name(&self) -> &str {
        &self.name
    }

    fn stderr(&self) -> Option<PathBuf> {
        Some(self.folder.join(format!("{}.stderr", self.name)))
    }
}

/// The buckets of a run.
pub(super) fn buckets() -> StoreSettings {
    StoreSettings::default()
        .bucket(BucketSettings::new(DATA))
        .bucket(BucketSettings::new(EXPIRING).key_ttl(true).marker_ttl(Duration::from_secs(2)))
}

/// Short limits, so that a minute sees many recoveries.
pub(super) fn nats(url: &str) -> NatsSettings {
    NatsSettings::new(url)
        .connect_timeout(Duration::from_secs(2))
        .request_timeout(Duration::from_secs(1))
        .ping_interval(Duration::from_millis(500))
        .reconnect(ReconnectSettings::new(Duration::from_millis(20), Duration::from_millis(200)))
}

/// Works until SIGTERM.
///
/// # Errors
/// When it cannot begin, or its driver is gone.
pub async fn work() -> Result<(), BoxError> {
    let task: StoreTask = serde_json::from_str(&std::env::var(StoreTask::VARIABLE)?)?;
    live_no_longer_than_the_driver(task.parent)?;
    let stop = stop_on_sigterm()?;
    tokio::select! {
        done = run(&task) => done,
        () = stop.cancelled() => Ok(()),
    }
}

async fn run(task: &StoreTask) -> Result<(), BoxError> {
    let reporter = Reporter::connect(&task.ledger).await?;
    let connection = connect(&task.nats_url).await;
    // The buckets are there: the driver has made them.
    let store = JetStreamStore::new(connection, &buckets(), Arc::new(NoopLogger))?;
    let worker = StoreWorker {
        name: task.name.clone(),
        data: Arc::new(store.key_value(DATA)?),
        expiring: Arc::new(store.key_value(EXPIRING)?),
        reporter,
    };
    // Another life, other chances.
    let random = Random::new(task.seed ^ super::record::monotonic());
    match task.role {
        StoreRole::Holder { locks, lease_ms } => {
            holder::run(worker, locks, Duration::from_millis(lease_ms), random).await
        }
        StoreRole::Client => client::run(worker, random).await,
        StoreRole::Watcher => watcher::run(worker).await,
    }
}

async fn connect(url: &str) -> Connection {
    loop {
        match Connection::connect(&nats(url), Arc::new(NoopLogger)).await {
            Ok(connection) => return connection,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
