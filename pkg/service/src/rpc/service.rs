use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use underpin_errors::{Error, Health, HealthCheck, ResultExt as _};
use underpin_rpc::{Host, Running, Service};

use crate::{Component, Deadline, Stopped};

/// See [`Rpc::service`](crate::Rpc::service).
#[must_use = "pass it to Start::traffic"]
pub struct RpcService {
    host: Arc<dyn Host>,
    service: Mutex<Option<Service>>,
    started: Arc<StartedService>,
    is_embedded: bool,
}

struct StartedService {
    name: String,
    running: OnceLock<Arc<dyn Running>>,
}

impl RpcService {
    pub(super) fn new(host: Arc<dyn Host>, service: Service, is_embedded: bool) -> Self {
        let started = StartedService { name: service.name().to_owned(), running: OnceLock::new() };
        Self { host, service: Mutex::new(Some(service)), started: Arc::new(started), is_embedded }
    }

    /// The instance, once traffic has started: for its statistics.
    pub fn running(&self) -> Option<Arc<dyn Running>> {
        self.started.running.get().cloned()
    }
}

impl std::fmt::Debug for RpcService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RpcService").field("name", &self.started.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl Component for RpcService {
    fn name(&self) -> &str {
        &self.started.name
    }

    async fn start(&self) -> Result<(), Error> {
        let service = self.service.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(service) = service {
            let running = self.host.serve(service).await;
            let running = running.with_context(|| format!("serve {}", self.started.name))?;
            // Started once.
            let _again = self.started.running.set(running);
        }
        Ok(())
    }

    async fn stop(&self, deadline: Deadline) -> Stopped {
        let Some(running) = self.started.running.get() else { return Stopped::Clean };
        match running.drain(deadline.left()).await.cancelled {
            0 => Stopped::Clean,
            cancelled => Stopped::cut(format!("{cancelled} calls in flight")),
        }
    }

    fn health(&self) -> Option<Arc<dyn HealthCheck>> {
        Some(Arc::clone(&self.started) as Arc<dyn HealthCheck>)
    }

    fn is_required(&self) -> bool {
        false
    }

    /// Requests of this process call it until they have ended.
    fn follows_traffic(&self) -> bool {
        self.is_embedded
    }
}

#[async_trait]
impl HealthCheck for StartedService {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> Health {
        match self.running.get() {
            Some(running) => running.check().await,
            None => Health::down("not started"),
        }
    }
}
