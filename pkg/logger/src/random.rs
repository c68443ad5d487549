use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher as _,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

/// An unpredictable number that differs from all others of this process and, very likely, of every other.
///
/// It is the keyed hash (the standard library's `SipHash` under the operating system's random key) of a counter and
/// the clock, which spares the crate a random number generator. It names things; it keeps no secret.
pub(crate) fn next_u64() -> u64 {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    KEY.get_or_init(RandomState::new).hash_one((count, since_epoch().subsec_nanos()))
}

/// A random number that is not zero, as W3C trace and span ids require.
pub(crate) fn next_nonzero_u64() -> u64 {
    next_u64().max(1)
}

#[inline]
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
