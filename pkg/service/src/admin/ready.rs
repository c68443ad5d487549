//! The answer of readiness: asked of the components at most once a second, however many probes there are.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use underpin_errors::{HealthChecks, HealthReport};

/// How long an answer serves.
const FRESH: Duration = Duration::from_secs(1);

/// How long the main runtime may take; the checks have limits below.
const ANSWER: Duration = Duration::from_secs(5);

/// The last report and its time.
#[derive(Default)]
pub(super) struct ReadyCache {
    last: Mutex<Option<(Instant, Arc<HealthReport>)>>,
}

impl ReadyCache {
    /// The report of now, or of less than a second ago. None when the main runtime does not answer.
    ///
    /// The checks run on the main runtime, where the components live. Probes that come meanwhile wait for the same answer.
    pub(super) async fn report(&self, checks: &HealthChecks, main: &Handle) -> Option<Arc<HealthReport>> {
        let mut last = self.last.lock().await;
        if let Some((when, report)) = &*last
            && when.elapsed() < FRESH
        {
            return Some(Arc::clone(report));
        }
        let checks = checks.clone();
        let asked = main.spawn(async move { checks.run().await });
        let report = Arc::new(timeout(ANSWER, asked).await.ok()?.ok()?);
        *last = Some((Instant::now(), Arc::clone(&report)));
        Some(report)
    }
}
