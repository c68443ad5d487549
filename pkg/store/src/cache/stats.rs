use std::sync::atomic::{AtomicU64, Ordering};

/// What a cache did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Gets that found a fresh value in memory, or that there is none.
    pub hits: u64,
    /// Gets that were given a value that is not fresh any more.
    pub stale_hits: u64,
    /// Gets that waited for the second level or for a load.
    pub misses: u64,
    /// Values that came from the second level.
    pub second_level_hits: u64,
    /// Loads from the source.
    pub loads: u64,
    /// Loads that failed or took too long.
    pub failed_loads: u64,
    /// Invalidations, of this instance and from the feed.
    pub invalidations: u64,
    /// How often everything was dropped because the feed was interrupted.
    pub interruptions: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: AtomicU64,
    pub(super) stale_hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) second_level_hits: AtomicU64,
    pub(super) loads: AtomicU64,
    pub(super) failed_loads: AtomicU64,
    pub(super) invalidations: AtomicU64,
    pub(super) interruptions: AtomicU64,
}

impl Counters {
    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> CacheStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheStats {
            hits: read(&self.hits),
            stale_hits: read(&self.stale_hits),
            misses: read(&self.misses),
            second_level_hits: read(&self.second_level_hits),
            loads: read(&self.loads),
            failed_loads: read(&self.failed_loads),
            invalidations: read(&self.invalidations),
            interruptions: read(&self.interruptions),
        }
    }
}
