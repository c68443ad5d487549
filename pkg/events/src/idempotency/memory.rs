use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::store::{Claim, ClaimToken, IdempotencyStore};
use crate::{EventsError, deadline};

/// An idempotency store in memory: for one process, and for tests.
#[derive(Debug)]
pub struct MemoryIdempotencyStore {
    keys: Mutex<ClaimTable>,
    retention: Duration,
}

/// Below so many entries no claim is looked for whose lease is over.
const MIN_SWEEP: usize = 1024;

#[derive(Debug, Default)]
struct ClaimTable {
    entries: HashMap<String, ClaimState>,
    done_by_age: VecDeque<(Instant, String)>,
    /// How many claims were granted.
    granted: u64,
    /// With how many entries the claims are looked for whose leases are over.
    sweep_at: usize,
}

#[derive(Debug)]
enum ClaimState {
    Claimed { until: Instant, token: ClaimToken },
    Done,
}

impl MemoryIdempotencyStore {
    /// A store that remembers what was done for `retention`.
    pub fn new(retention: Duration) -> Self {
        Self { keys: Mutex::default(), retention }
    }

    fn keys(&self) -> MutexGuard<'_, ClaimTable> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        while let Some((_, key)) =
            keys.done_by_age.pop_front_if(|(done, _)| now.duration_since(*done) >= self.retention)
        {
            keys.entries.remove(&key);
        }
        // A claim that is neither completed nor released, such as that of a process that died, would stay for ever.
        if keys.entries.len() > keys.sweep_at.max(MIN_SWEEP) {
            keys.entries
                .retain(|_, entry| !matches!(entry, ClaimState::Claimed { until, .. } if *until <= now));
            keys.sweep_at = keys.entries.len().saturating_mul(2);
        }
        keys
    }
}

/// Remembers for 24 hours.
impl Default for MemoryIdempotencyStore {
    fn default() -> Self {
        Self::new(Duration::from_secs(24 * 60 * 60))
    }
}

#[async_trait]
impl IdempotencyStore for MemoryIdempotencyStore {
    async fn claim(&self, key: &str, lease: Duration) -> Result<Claim, EventsError> {
        let mut keys = self.keys();
        let now = Instant::now();
        match keys.entries.get(key) {
            Some(ClaimState::Done) => Ok(Claim::Done),
            Some(ClaimState::Claimed { until, .. }) if *until > now => Ok(Claim::Held),
            Some(ClaimState::Claimed { .. }) | None => {
                keys.granted = keys.granted.wrapping_add(1);
                let token = ClaimToken::new(keys.granted);
                keys.entries
                    .insert(key.to_owned(), ClaimState::Claimed { until: deadline::after(lease), token });
                Ok(Claim::Granted(token))
            }
        }
    }

    async fn complete(&self, key: &str) -> Result<(), EventsError> {
        let mut keys = self.keys();
        if !matches!(keys.entries.insert(key.to_owned(), ClaimState::Done), Some(ClaimState::Done)) {
            keys.done_by_age.push_back((Instant::now(), key.to_owned()));
        }
        Ok(())
    }

    async fn release(&self, key: &str, token: ClaimToken) -> Result<(), EventsError> {
        let mut keys = self.keys();
        if matches!(keys.entries.get(key), Some(ClaimState::Claimed { token: held, .. }) if *held == token) {
            keys.entries.remove(key);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_claim_is_held_done_released_or_ends_with_its_lease() {
        let store = MemoryIdempotencyStore::default();
        let claim = async || store.claim("a", LEASE).await.unwrap();
        let Claim::Granted(first) = claim().await else { panic!("it is free") };
        assert_eq!(claim().await, Claim::Held);
        store.release("a", first).await.unwrap();
        let Claim::Granted(second) = claim().await else { panic!("it was released") };
        tokio::time::advance(LEASE).await;
        assert!(claim().await.is_granted());
        store.release("a", second).await.unwrap();
        assert_eq!(claim().await, Claim::Held, "a token whose lease is over released another claim");
        store.complete("a").await.unwrap();
        store.release("a", second).await.unwrap();
        assert_eq!(claim().await, Claim::Done);
    }

    #[tokio::test(start_paused = true)]
    async fn claims_whose_lease_is_over_take_no_memory() {
        let store = MemoryIdempotencyStore::default();
        for n in 0..10 * MIN_SWEEP {
            assert!(store.claim(&n.to_string(), LEASE).await.unwrap().is_granted());
            tokio::time::advance(LEASE / 100).await;
        }
        assert!(store.keys().entries.len() <= 2 * MIN_SWEEP);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_done_is_forgotten_after_the_retention() {
        let store = MemoryIdempotencyStore::new(Duration::from_secs(60));
        store.complete("a").await.unwrap();
        store.complete("a").await.unwrap();
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(store.claim("a", LEASE).await.unwrap().is_granted());
        assert!(store.keys().done_by_age.is_empty());
    }
}
