use std::hash::{BuildHasher, Hash, RandomState};

use tokio::sync::{Mutex, MutexGuard};

const SHARDS: usize = 64;

/// Counts the invalidations of each part of the keys. A load notes the count before it begins, and its value is kept only if it is the
/// same afterwards.
#[derive(Debug)]
pub(super) struct Generations {
    shards: Vec<Mutex<u64>>,
    hasher: RandomState,
}

impl Generations {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::new(0)).collect(), hasher: RandomState::new() }
    }

    /// The count of a key, which stays the same while it is held.
    pub(super) async fn lock<K: Hash + Sync>(&self, key: &K) -> Option<MutexGuard<'_, u64>> {
        let shard = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        Some(self.shards.get(shard)?.lock().await)
    }

    /// Every count.
    pub(super) fn all(&self) -> impl Iterator<Item = &Mutex<u64>> {
        self.shards.iter()
    }
}
