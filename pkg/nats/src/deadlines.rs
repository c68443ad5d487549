use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The first of many deadlines, for which there is one timer: a timer for each would be set and removed under the lock of the runtime's
/// timers.
///
/// A deadline stays when its request is answered: the timer then ends for nothing, once for all requests of that time.
pub(crate) struct Deadlines {
    began: Instant,
    /// In microseconds since then.
    first: AtomicU64,
    /// Tells the timer that there is an earlier one.
    earlier: Notify,
}

const NONE: u64 = u64::MAX;

impl Deadlines {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), first: AtomicU64::new(NONE), earlier: Notify::new() }
    }

    pub(crate) fn add(&self, until: Instant) {
        let until = until.saturating_duration_since(self.began).as_nanos().div_ceil(1000);
        let until = u64::try_from(until).unwrap_or(NONE);
        // Mostly it is a later one.
        if until < self.first.load(Ordering::SeqCst) && until < self.first.fetch_min(until, Ordering::SeqCst)
        {
            self.earlier.notify_one();
        }
    }

    /// Forgets all. Those that still count are added again.
    pub(crate) fn clear(&self) {
        self.first.store(NONE, Ordering::SeqCst);
    }

    /// Waits for the first deadline. For a single task.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn passed(&self) {
        loop {
            let earlier = self.earlier.notified();
            match self.first.load(Ordering::SeqCst) {
                NONE => earlier.await,
                first => tokio::select! {
                    biased;
                    () = earlier => {}
                    () = sleep_until(self.began + Duration::from_micros(first)) => return,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_deadline_passes_first_whenever_it_was_added() {
        let (deadlines, began) = (Deadlines::new(), Instant::now());
        let at = |milliseconds| began + Duration::from_millis(milliseconds);
        deadlines.add(at(500));
        let earlier = async {
            sleep_until(at(100)).await;
            deadlines.add(at(700));
            deadlines.add(at(200));
        };
        tokio::join!(deadlines.passed(), earlier);
        assert_eq!(Instant::now(), at(200));
        deadlines.clear();
        deadlines.add(at(500));
        deadlines.passed().await;
        assert_eq!(Instant::now(), at(500));
    }
}
