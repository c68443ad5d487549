use std::{
    array,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

/// What a pool did and does. A snapshot: each number is exact, but they are not read at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Connections open at the same time, at most.
    pub max_open: u32,
    /// Connections open now, the idle ones included.
    pub open: usize,
    /// Connections open and unused.
    pub idle: usize,
    /// Seats taken: lent out, being opened, or being made fit again.
    pub in_use: usize,
    /// Callers waiting for a seat.
    pub waiting: usize,
    /// How long callers waited, one entry for each connection handed out.
    pub waits: WaitHistogram,
    /// Callers that gave up waiting at their deadline.
    pub timeouts: u64,
    /// Connections opened.
    pub opened: u64,
    /// Connections closed because they were old or surplus.
    pub retired: u64,
    /// Connections that broke while they were used.
    pub lost: u64,
    /// Idle connections that turned out to be dead when they were asked.
    pub found_dead: u64,
    /// Connections made fit again after a caller dropped them in the middle of a statement or transaction.
    pub settled: u64,
    /// Statements that the server was asked to cancel because their callers went away.
    pub cancelled: u64,
}

/// Waiting times in buckets, each twice as long as the one before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaitHistogram {
    counts: [u64; BUCKETS],
}

const BUCKETS: usize = 20;

impl WaitHistogram {
    /// Waits counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Each bucket's upper bound with the number of waits in it. The first is 64 us, the last has no bound
    /// ([`Duration::MAX`]).
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.counts.iter().enumerate().map(|(index, count)| (upper_bound(index), *count))
    }

    /// The bound of the bucket in which this share of all waits is reached: `quantile(0.99)` for the p99.
    /// `None` while nothing was counted.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let total = self.count();
        let wanted = (total as f64 * share.clamp(0.0, 1.0)).ceil() as u64;
        let mut seen = 0;
        self.buckets().find_map(|(bound, count)| {
            seen += count;
            (seen > 0 && seen >= wanted).then_some(bound)
        })
    }
}

fn upper_bound(bucket: usize) -> Duration {
    if bucket + 1 == BUCKETS { Duration::MAX } else { Duration::from_micros(64 << bucket) }
}

fn bucket_of(waited: Duration) -> usize {
    let micros = waited.as_micros();
    let bits = (u128::BITS - (micros >> 6).leading_zeros()) as usize;
    bits.min(BUCKETS - 1)
}

/// The live numbers behind [`PoolStats`].
pub(super) struct Counters {
    waits: [AtomicU64; BUCKETS],
    waiting: AtomicUsize,
    timeouts: AtomicU64,
    opened: AtomicU64,
    retired: AtomicU64,
    lost: AtomicU64,
    found_dead: AtomicU64,
    settled: AtomicU64,
    cancelled: AtomicU64,
}

macro_rules! counted {
    ($($(#[$doc:meta])* $name:ident $field:ident $metric:literal;)+) => {$(
        $(#[$doc])*
        pub(super) fn $name(&self) {
            self.$field.fetch_add(1, Ordering::Relaxed);
            #[cfg(feature = "metrics")]
            metrics::counter!($metric).increment(1);
        }
    )+};
}

impl Counters {
    counted! {
        timed_out timeouts "underpin_database_acquire_timeouts_total";
        opened opened "underpin_database_connections_opened_total";
        retired retired "underpin_database_connections_retired_total";
        lost lost "underpin_database_connections_lost_total";
        found_dead found_dead "underpin_database_connections_found_dead_total";
        settled settled "underpin_database_connections_settled_total";
        cancelled cancelled "underpin_database_statements_cancelled_total";
    }

    pub(super) fn waited(&self, waited: Duration) {
        if let Some(bucket) = self.waits.get(bucket_of(waited)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        #[cfg(feature = "metrics")]
        metrics::histogram!("underpin_database_acquire_seconds").record(waited.as_secs_f64());
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
            settled: of(&self.settled),
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
            settled: AtomicU64::new(0),
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
