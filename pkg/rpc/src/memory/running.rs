use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use underpin_errors::{Health, HealthCheck};

use super::registry::Registry;
use crate::engine::Instance;
use crate::host::{DrainOutcome, Running};
use crate::micro::{ServiceInfo, ServiceStats};

pub(super) struct MemoryRunning(Arc<Instance>);

impl MemoryRunning {
    pub(super) fn start(instance: Arc<Instance>, registry: Arc<Registry>) -> Self {
        let own = Arc::clone(&instance);
        tokio::spawn(async move {
            own.signal.stopping().await;
            registry.remove(&own, false);
            own.settled().await;
            registry.remove(&own, true);
            own.signal.end();
        });
        Self(instance)
    }
}

impl Drop for MemoryRunning {
    fn drop(&mut self) {
        self.0.signal.stop();
    }
}

#[async_trait]
impl HealthCheck for MemoryRunning {
    fn name(&self) -> &str {
        &self.0.name
    }

    async fn check(&self) -> Health {
        self.0.health()
    }
}

#[async_trait]
impl Running for MemoryRunning {
    fn info(&self) -> ServiceInfo {
        self.0.info()
    }

    fn stats(&self) -> ServiceStats {
        self.0.stats()
    }

    async fn drain(&self, within: Duration) -> DrainOutcome {
        self.0.drain(within).await
    }

    async fn closed(&self) {
        self.0.signal.ended().await;
    }
}
