use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use metrics::Gauge;
use underpin_errors::Error;
use underpin_logger::{Handles, Logger};

use super::meters;

/// Refuses requests beyond a number in flight.
///
/// A request is counted when it is there: a service that counts in `poll_ready` does so for each idle connection.
pub(super) struct Limit {
    most: usize,
    in_flight: AtomicUsize,
    active: Handles<Gauge>,
    pub(super) log: Arc<dyn Logger>,
}

impl Limit {
    pub(super) fn new(most: usize, log: Arc<dyn Logger>) -> Self {
        Self { most, in_flight: AtomicUsize::new(0), active: Handles::new(), log }
    }

    /// Counts a request, unless there are too many. It is counted until [`Self::leave`].
    pub(super) fn enter(&self, now: Instant) -> Result<(), Error> {
        let more = |count: usize| (count < self.most).then_some(count + 1);
        if self.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
            meters::shed();
            return Err(Error::unavailable("too many requests are in flight")
                .code("OVERLOADED")
                .retry_after(Duration::from_secs(1)));
        }
        self.active.with(now, meters::active, |active| active.increment(1.0));
        Ok(())
    }

    /// `entered` is the time of [`Self::enter`].
    pub(super) fn leave(&self, entered: Instant) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.active.with(entered, meters::active, |active| active.decrement(1.0));
    }
}
