use std::sync::Arc;

use async_trait::async_trait;
use underpin_database::{CloseOutcome, Pool};
use underpin_errors::HealthCheck;

use crate::{Component, Deadline, Stopped};

/// Stopped by closing it: connections in use are waited for.
#[async_trait]
impl Component for Pool {
    #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
    fn name(&self) -> &str {
        "database"
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
