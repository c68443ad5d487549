use std::sync::Arc;

use async_trait::async_trait;
use underpin_database::{CloseOutcome, Pool};
use underpin_errors::{Health, HealthCheck};

use crate::{Component, Deadline, Stopped};

/// The name of a database without another one.
pub(super) const DATABASE: &str = "database";

/// A pool as a component with a name.
#[derive(Clone, Debug)]
pub(super) struct NamedPool {
    pub(super) name: String,
    pub(super) pool: Pool,
    pub(super) is_required: bool,
}

#[async_trait]
impl Component for NamedPool {
    fn name(&self) -> &str {
        &self.name
    }

    async fn stop(&self, deadline: Deadline) -> Stopped {
        self.pool.stop(deadline).await
    }

    fn health(&self) -> Option<Arc<dyn HealthCheck>> {
        Some(Arc::new(self.clone()))
    }

    fn is_required(&self) -> bool {
        self.is_required
    }
}

#[async_trait]
impl HealthCheck for NamedPool {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> Health {
        self.pool.check().await
    }
}

/// Stopped by closing it: connections in use are waited for.
#[async_trait]
impl Component for Pool {
    fn name(&self) -> &str {
        DATABASE
    }

    async fn stop(&self, deadline: Deadline) -> Stopped {
        match self.close(deadline.left()).await {
            CloseOutcome::TimedOut { still_in_use } => {
                Stopped::cut(format!("{still_in_use} connections in use"))
            }
            _ => Stopped::Clean,
        }
    }

    fn health(&self) -> Option<Arc<dyn HealthCheck>> {
        Some(Arc::new(self.clone()))
    }
}
