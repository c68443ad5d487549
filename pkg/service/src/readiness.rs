use std::sync::{Arc, OnceLock};

use underpin_errors::HealthChecks;

/// The checks of every component, once the service is ready. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Readiness(Arc<OnceLock<HealthChecks>>);

impl Readiness {
    /// No check is added afterwards: a service becomes ready once.
    pub(crate) fn set(&self, checks: HealthChecks) {
        let _second = self.0.set(checks);
    }

    pub(crate) fn checks(&self) -> Option<&HealthChecks> {
        self.0.get()
    }
}
