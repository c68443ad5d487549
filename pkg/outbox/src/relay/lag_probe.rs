use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::store::Store;
use crate::OutboxLag;

/// The longest read; a health check has to answer within its own limit, two seconds by default.
pub(super) const READ_LIMIT: Duration = Duration::from_secs(1);
/// The shortest time between two reads, however often health is checked.
const INTERVAL: Duration = Duration::from_secs(1);

/// Reads the lag for the health check, since that of the last heartbeat can be minutes old.
pub(super) struct LagProbe {
    store: Store,
    last: Mutex<Option<Instant>>,
}

impl LagProbe {
    pub(super) fn new(store: Store) -> Self {
        Self { store, last: Mutex::new(None) }
    }

    /// The lag and when its read began; `None` if the last read is too recent, or if this one fails.
    pub(super) async fn read(&self) -> Option<(OutboxLag, Instant)> {
        let now = Instant::now();
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_some_and(|last| now.duration_since(last) < INTERVAL) {
                return None;
            }
            *last = Some(now);
        }
        // A failure needs no report here: the workers meet it as well, and the age of the last value shows it.
        self.store.lag().await.ok().map(|lag| (lag, now))
    }
}
