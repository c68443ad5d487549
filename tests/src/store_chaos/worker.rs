use std::sync::Arc;

use underpin_store::JetStreamKeyValue;

use super::record::Reporter;

/// Values that are watched.
pub(super) const DATA: &str = "data";
/// Locks, sessions and limits.
pub(super) const EXPIRING: &str = "expiring";

/// What each role works with.
#[derive(Clone)]
pub(super) struct StoreWorker {
    pub(super) name: String,
    pub(super) data: Arc<JetStreamKeyValue>,
    pub(super) expiring: Arc<JetStreamKeyValue>,
    pub(super) reporter: Reporter,
}
