use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use underpin_config::Checks;

use super::limiter::{Quota, RateDecision, RateLimiter};
use super::window::Window;
use crate::StoreError;

const SHARDS: usize = 64;

/// Counts by the hash of their key: of a million keys, two share one with a probability of 1 in 30 million.
type Counts = HashMap<u64, Counted, BuildHasherDefault<Hashed>>;

/// Keys that share a lock. On cache lines of its own: the locks of neighbours would slow each other down. Processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(Mutex<Counts>);

/// Takes a hash as it is.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    /// Hashes are no bytes.
    fn write(&mut self, _: &[u8]) {}
}

/// A limiter in the memory of this process: each instance of a service counts by itself.
///
/// It keeps a bounded number of keys. At the limit a new key takes the place of one whose windows are over, else of any: its count
/// begins again.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_store::{MemoryRateLimiter, Quota, RateLimiter};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), underpin_store::StoreError> {
/// let limiter = MemoryRateLimiter::new(10_000);
/// let quota = Quota::new(2, Duration::from_secs(60));
/// assert_eq!(limiter.take("login:ada", 1, &quota).await?.remaining, 1);
/// assert!(limiter.take("login:ada", 1, &quota).await?.is_allowed());
/// let refused = limiter.take("login:ada", 1, &quota).await?;
/// assert!(refused.retry_after.unwrap() <= Duration::from_secs(121));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct MemoryRateLimiter {
    shards: Box<[Shard]>,
    hasher: RandomState,
    began: Instant,
    /// In a shard.
    capacity: usize,
}

#[derive(Debug)]
struct Counted {
    window: Window,
    length: Duration,
}

impl MemoryRateLimiter {
    /// A limiter for at most this many keys at once, at least 64.
    pub fn new(keys: usize) -> Self {
        let capacity = (keys / SHARDS).max(1);
        let shards = (0..SHARDS).map(|_| Shard::default()).collect();
        Self { shards, hasher: RandomState::new(), began: Instant::now(), capacity }
    }

    fn count(&self, key: &str, cost: u32, quota: &Quota) -> RateDecision {
        // Two windows after the beginning, so that the first one has one before.
        let now = self.began.elapsed() + quota.window * 2;
        let hash = self.hasher.hash_one(key);
        // Bits that the map of the shard does not use.
        let shard = usize::try_from((hash >> 32) % SHARDS as u64).unwrap_or(0);
        let Some(shard) = self.shards.get(shard) else { return RateDecision::allowed(0, Duration::ZERO) };
        let mut counted = shard.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = counted.get_mut(&hash).filter(|found| found.length == quota.window) {
            return found.window.take(now, cost, quota);
        }
        if counted.len() >= self.capacity {
            make_room(&mut counted, self.began.elapsed());
        }
        let mut window = Window::default();
        let decision = window.take(now, cost, quota);
        counted.insert(hash, Counted { window, length: quota.window });
        decision
    }
}

fn make_room(counted: &mut Counts, elapsed: Duration) {
    let before = counted.len();
    counted.retain(|_, Counted { window, length }| {
        let index = (elapsed + *length * 2).as_nanos() / length.as_nanos().max(1);
        index < u128::from(window.index) + 2
    });
    if counted.len() == before
        && let Some(any) = counted.keys().next().copied()
    {
        counted.remove(&any);
    }
}

pub(crate) fn check(quota: &Quota) -> Result<(), StoreError> {
    if quota.fits() {
        return Ok(());
    }
    match Checks::of(quota).failures().first() {
        Some(failure) => Err(StoreError::option(failure.key(), failure.message())),
        None => Ok(()),
    }
}

#[async_trait]
impl RateLimiter for MemoryRateLimiter {
    async fn take(&self, key: &str, cost: u32, quota: &Quota) -> Result<RateDecision, StoreError> {
        check(quota)?;
        Ok(self.count(key, cost, quota))
    }
}
