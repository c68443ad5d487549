use std::{
    array,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use super::stats::{BUCKETS, PoolStats, WaitHistogram, bucket_of};

/// The live numbers behind [`PoolStats`].
pub(super) struct Counters {
    waits: [AtomicU64; BUCKETS],
    waiting: AtomicUsize,
    timeouts: AtomicU64,
    opened: AtomicU64,
    retired: AtomicU64,
    lost: AtomicU64,
    found_dead: AtomicU64,
    reset: AtomicU64,
    cancelled: AtomicU64,
}

macro_rules! counted {
    ($($name:ident $field:ident;)+) => {$(
        pub(super) fn $name(&self) {
            self.$field.fetch_add(1, Ordering::Relaxed);
        }
    )+};
}

impl Counters {
    counted! {
        timed_out timeouts;
        opened opened;
        retired retired;
        lost lost;
        found_dead found_dead;
        reset reset;
        cancelled cancelled;
    }

    pub(super) fn waited(&self, waited: Duration) {
        if let Some(bucket) = self.waits.get(bucket_of(waited)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        #[cfg(feature = "metrics")]
        metrics::histogram!(super::metrics::ACQUIRE_SECONDS).record(waited.as_secs_f64());
    }

    /// Counts a waiting caller until the guard is dropped, also by a caller that went away.
    pub(super) fn waiting(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(&self.waiting)
    }

    pub(super) fn snapshot(&self) -> PoolStats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PoolStats {
            waiting: self.waiting.load(Ordering::Relaxed),
            waits: WaitHistogram { counts: self.waits.each_ref().map(of) },
            timeouts: of(&self.timeouts),
            opened: of(&self.opened),
            retired: of(&self.retired),
            lost: of(&self.lost),
            found_dead: of(&self.found_dead),
            reset: of(&self.reset),
            cancelled: of(&self.cancelled),
            ..PoolStats::default()
        }
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            waits: array::from_fn(|_| AtomicU64::new(0)),
            waiting: AtomicUsize::new(0),
            timeouts: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            retired: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            found_dead: AtomicU64::new(0),
            reset: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
        }
    }
}

pub(super) struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_counted_under_the_next_higher_bound() {
        let counters = Counters::default();
        for micros in [0, 63, 64, 127, 128, 1_000, 5_000_000, 3_600_000_000] {
            counters.waited(Duration::from_micros(micros));
        }
        let waits = counters.snapshot().waits;
        let filled: Vec<(u128, u64)> = waits
            .buckets()
            .filter(|(_, count)| *count > 0)
            .map(|(bound, count)| (bound.as_micros(), count))
            .collect();
        assert_eq!(
            filled,
            [(64, 2), (128, 2), (256, 1), (1024, 1), (8_388_608, 1), (Duration::MAX.as_micros(), 1)]
        );
        assert_eq!(waits.count(), 8);
        assert_eq!(waits.quantile(0.5), Some(Duration::from_micros(128)));
        assert_eq!(WaitHistogram::default().quantile(0.99), None);
    }

    #[test]
    fn a_caller_that_went_away_no_longer_waits() {
        let counters = Counters::default();
        let waiting = counters.waiting();
        assert_eq!(counters.snapshot().waiting, 1);
        drop(waiting);
        assert_eq!(counters.snapshot().waiting, 0);
    }
}
