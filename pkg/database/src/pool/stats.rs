use std::time::Duration;

/// Counters and gauges of a pool. A snapshot: each number is exact, but they are not read at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Connections open at the same time, at most.
    pub max_open: u32,
    /// Connections open now, the idle ones included.
    pub open: usize,
    /// Connections open and unused.
    pub idle: usize,
    /// Permits taken: connections that are lent, being opened, or being reset.
    pub in_use: usize,
    /// Callers waiting for a permit.
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
    /// Idle connections that did not answer the ping before they were lent.
    pub found_dead: u64,
    /// Connections reset after a caller dropped them in the middle of a statement or transaction.
    pub reset: u64,
    /// Statements that were cancelled at the server because their callers went away.
    pub cancelled: u64,
}

/// Waiting times in buckets, each twice as long as the one before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaitHistogram {
    pub(super) counts: [u64; BUCKETS],
}

pub(super) const BUCKETS: usize = 20;

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
    /// `None` before the first count.
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

pub(super) fn bucket_of(waited: Duration) -> usize {
    let micros = waited.as_micros();
    let bits = (u128::BITS - (micros >> 6).leading_zeros()) as usize;
    bits.min(BUCKETS - 1)
}
