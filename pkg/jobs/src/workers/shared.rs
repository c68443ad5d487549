use std::sync::Arc;

use underpin_database::wake::WakeSignal;
use underpin_errors::Report;
use underpin_logger::{Context, info, warn};

use super::attempt::Runner;
use super::in_flight::InFlight;
use super::routes::Routes;
use super::status::WorkersStatus;
use crate::store::{Claim, Store};
use crate::{JobsError, WorkersSettings, meters};

/// What the tasks of one process share.
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) routes: Routes,
    pub(super) runner: Runner,
    pub(super) in_flight: InFlight,
    pub(super) status: WorkersStatus,
    pub(super) settings: WorkersSettings,
    pub(super) wake: WakeSignal,
    /// The name of this process, that of one start.
    pub(super) worker: String,
}

impl Shared {
    /// What to claim, at most `batch` of each queue; `None` where there is no room.
    pub(super) fn claim(&self, batch: usize) -> Option<Claim> {
        let kinds = self.routes.asks(&self.in_flight.counts(), batch);
        (!kinds.is_empty()).then(|| Claim::new(kinds, self.settings.lease, &*self.worker))
    }

    /// A call of the store failed. The first failure in a row is logged.
    pub(super) fn failed(&self, what: &'static str, error: &JobsError) {
        meters::outage();
        if self.status.failed() {
            let error = Report(error).to_string();
            warn!(
                self.runner.log,
                &Context::background(),
                "the store of the jobs fails",
                what,
                error = error.as_str()
            );
        }
    }

    pub(super) fn recovered(&self) {
        if let Some(outage) = self.status.recovered() {
            let outage_ms = u64::try_from(outage.as_millis()).unwrap_or(u64::MAX);
            info!(self.runner.log, &Context::background(), "the store of the jobs answers again", outage_ms);
        }
    }
}
