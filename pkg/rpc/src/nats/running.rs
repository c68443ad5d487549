use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::task::TaskTracker;
use underpin_errors::{Health, HealthCheck};
use underpin_nats::Connection;

use super::denial_watcher::DenialWatcher;
use crate::engine::Instance;
use crate::host::{DrainOutcome, Running};
use crate::micro::{ServiceInfo, ServiceStats};

/// An instance that runs over NATS, and the tasks that it owns.
pub(super) struct NatsRunning {
    instance: Arc<Instance>,
    nats: Connection,
    watch: Arc<DenialWatcher>,
    readers: TaskTracker,
}

impl NatsRunning {
    pub(super) fn new(instance: Arc<Instance>, nats: Connection, watch: Arc<DenialWatcher>) -> Self {
        Self { instance, nats, watch, readers: TaskTracker::new() }
    }

    /// Runs a task that ends with the instance.
    pub(super) fn follow(&self, task: impl Future<Output = ()> + Send + 'static) {
        let signal = self.instance.signal.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = signal.ended() => {}
                () = task => {}
            }
        });
    }

    /// Runs a reader, which ends when the last routed request was taken.
    pub(super) fn read(&self, reader: impl Future<Output = ()> + Send + 'static) {
        self.readers.spawn(reader);
    }

    /// Ends the instance once it was stopped and everything is answered. Discovery goes last.
    pub(super) fn supervise(&self) {
        let (instance, readers) = (Arc::clone(&self.instance), self.readers.clone());
        readers.close();
        tokio::spawn(async move {
            readers.wait().await;
            instance.signal.stop();
            instance.settled().await;
            instance.signal.end();
        });
    }
}

impl Drop for NatsRunning {
    fn drop(&mut self) {
        self.instance.signal.stop();
    }
}

#[async_trait]
impl HealthCheck for NatsRunning {
    fn name(&self) -> &str {
        &self.instance.name
    }

    async fn check(&self) -> Health {
        let link = self.nats.link();
        match (self.watch.denied(), link.up) {
            (Some(denial), _) => Health::down(denial.to_string()),
            (None, false) => Health::down("not connected: no requests can arrive"),
            (None, true) => self.instance.health(),
        }
    }
}

#[async_trait]
impl Running for NatsRunning {
    fn info(&self) -> ServiceInfo {
        self.instance.info()
    }

    fn stats(&self) -> ServiceStats {
        self.instance.stats()
    }

    async fn drain(&self, within: Duration) -> DrainOutcome {
        self.instance.drain(within).await
    }

    async fn closed(&self) {
        self.instance.signal.ended().await;
    }
}
