use underpin_logger::{Context, Logger, info, warn};

use super::outcome::{BatchOutcome, Disposition};
use crate::meters;

/// Logs and counts the rows of a batch that failed.
pub(super) fn report_failures(log: &dyn Logger, outcome: &BatchOutcome) {
    let (mut failures, mut quarantines) = (0, 0);
    let ctx = Context::background();
    for failure in outcome.failures() {
        failures += 1;
        let (row, attempts) = (failure.id, failure.attempts);
        let reason = failure.reason.as_deref().unwrap_or_default();
        if failure.disposition == Disposition::Quarantine {
            quarantines += 1;
            warn!(log, &ctx, "event put into quarantine", row, attempts, reason);
        } else {
            info!(log, &ctx, "event not published, retried later", row, attempts, reason);
        }
    }
    meters::failed(failures, quarantines);
}
