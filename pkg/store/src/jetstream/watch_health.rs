use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use underpin_errors::{Health, HealthCheck};

/// Whether events arrive at a watch, as it knows at its last step.
#[derive(Debug, Default)]
pub(super) struct WatchHealth(Mutex<Option<String>>);

impl WatchHealth {
    pub(super) fn set(&self, problem: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

#[async_trait]
impl HealthCheck for WatchHealth {
    fn name(&self) -> &str {
        "watch"
    }

    async fn check(&self) -> Health {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Health::up(),
            Some(problem) => Health::down(format!("interrupted: {problem}")),
        }
    }
}
