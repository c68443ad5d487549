use std::{
    hash::{BuildHasher as _, RandomState},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::Level;

/// Drops repetitions: of the records with the same level and message, each second, it writes the first few and every nth of
/// the rest.
///
/// Records of error level and above are always written, and so are those of a context with a level. The dropped ones are
/// counted, and the stream reports them (`log records left out`): once a second at most, and at each flush.
///
/// # Examples
///
/// ```
/// use underpin_logger::{Context, JsonFormat, Sampling, SlogLogger, info, sink::MemorySink};
///
/// let sink = MemorySink::new();
/// let sampling = Sampling::new().first(10).then_every(0);
/// let log = SlogLogger::json(JsonFormat::new()).sampling(sampling).sink(sink.clone()).build();
/// for n in 0..1000 {
///     info!(log, &Context::background(), "tick", n);
/// }
/// assert!(sink.lines().len() < 40, "ten a second, and the notice");
/// ```
#[derive(Debug)]
pub struct Sampling {
    first: u64,
    every: u64,
    /// Most records a second in all, of those that may be left out.
    limit: u64,
    keys: RandomState,
    /// Per bucket of messages: the second in the upper half, the count in the lower.
    counts: Box<[AtomicU64]>,
    total: AtomicU64,
    left_out: AtomicU64,
    reported: AtomicU64,
}

impl Sampling {
    /// More messages than this share counters, and are then thinned out a little earlier.
    const BUCKETS: usize = 4096;
    const COUNT_BITS: u32 = 32;

    pub(crate) const FIRST: u32 = 100;
    pub(crate) const EVERY: u32 = 100;

    /// The first 100 of each message every second, then each 100th; no limit on the whole.
    pub fn new() -> Self {
        Self {
            first: Self::FIRST.into(),
            every: Self::EVERY.into(),
            limit: u64::MAX,
            keys: RandomState::new(),
            counts: (0..Self::BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            total: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
            reported: AtomicU64::new(0),
        }
    }

    /// How many records of one message are all written each second.
    #[must_use]
    pub const fn first(mut self, count: u32) -> Self {
        self.first = count as u64;
        self
    }

    /// After the first: each how-many-th record is written; 0 for none.
    #[must_use]
    pub const fn then_every(mut self, nth: u32) -> Self {
        self.every = nth as u64;
        self
    }

    /// Limits all records that may be left out to so many a second.
    #[must_use]
    pub const fn at_most(mut self, per_second: u32) -> Self {
        self.limit = per_second as u64;
        self
    }

    /// Whether this record is written; one that is not is counted.
    pub(crate) fn keeps(&self, level: Level, key: (&str, u32), now: Duration) -> bool {
        if level >= Level::Error {
            return true;
        }
        let bucket = self.keys.hash_one((level as u8, key)) as usize % Self::BUCKETS;
        let nth = self.counts.get(bucket).map_or(1, |counter| count(counter, now));
        let sampled = nth <= self.first || (self.every > 0 && (nth - self.first).is_multiple_of(self.every));
        let kept = sampled && (self.limit == u64::MAX || count(&self.total, now) <= self.limit);
        if !kept {
            self.leave_out(1);
        }
        kept
    }

    /// Counts records that are not reported yet.
    pub(crate) fn leave_out(&self, count: u64) {
        self.left_out.fetch_add(count, Ordering::Relaxed);
    }

    /// How many records were left out since the last report.
    pub(crate) fn rest(&self) -> Option<u64> {
        Some(self.left_out.swap(0, Ordering::Relaxed)).filter(|count| *count > 0)
    }

    /// How many records were left out, if it is time to report.
    pub(crate) fn notice(&self, now: Duration) -> Option<u64> {
        if self.left_out.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let (last, now) = (self.reported.load(Ordering::Relaxed), now.as_secs());
        let mine = || self.reported.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if now != last && mine() { self.rest() } else { None }
    }
}

impl Default for Sampling {
    fn default() -> Self {
        Self::new()
    }
}

/// Counts one more in this second; the count so far, this one included.
fn count(counter: &AtomicU64, now: Duration) -> u64 {
    const MASK: u64 = (1 << Sampling::COUNT_BITS) - 1;

    let second = now.as_secs() & MASK;
    let next = |old: u64| {
        let so_far = if old >> Sampling::COUNT_BITS == second { old & MASK } else { 0 };
        second << Sampling::COUNT_BITS | (so_far + 1).min(MASK)
    };
    let mut old = counter.load(Ordering::Relaxed);
    loop {
        let new = next(old);
        match counter.compare_exchange_weak(old, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return new & MASK,
            Err(actual) => old = actual,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(sampling: &Sampling, level: Level, count: u64, second: u64) -> usize {
        (0..count).filter(|_| sampling.keeps(level, ("tick", 0), Duration::from_secs(second))).count()
    }

    #[test]
    fn the_first_of_a_message_each_second_and_then_every_nth() {
        let sampling = Sampling::new().first(10).then_every(100);
        assert_eq!(kept(&sampling, Level::Info, 1010, 5), 20);
        assert_eq!(kept(&sampling, Level::Info, 10, 6), 10, "a new second");
        assert_eq!(kept(&sampling, Level::Error, 500, 6), 500, "errors are always written");
        assert!(
            sampling.keeps(Level::Warn, ("tick", 0), Duration::from_secs(6)),
            "another level is another message"
        );
        assert_eq!(sampling.notice(Duration::from_secs(6)), Some(990));
        assert_eq!(sampling.notice(Duration::from_secs(7)), None, "reported once");
        assert_eq!(kept(&sampling, Level::Info, 12, 7), 10);
        assert_eq!(sampling.notice(Duration::from_secs(3)), Some(2), "the clock was set back");
    }

    #[test]
    fn a_limit_holds_for_all_messages_together() {
        let sampling = Sampling::new().at_most(50);
        let now = Duration::from_secs(9);
        let kept = (0..200).filter(|&n| sampling.keeps(Level::Info, ("tick", n), now)).count();
        assert_eq!(kept, 50);
        assert_eq!((sampling.notice(now), sampling.notice(now)), (Some(150), None));
    }
}
