//! Locks over the bucket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::fixtures::{gone, with_key_ttl};
use super::harness::KeyValueHarness;
use crate::{Expect, KeyValueExt, KeyValueLocks, Lease, Locks, StoreError};

const LEASE: Duration = Duration::from_secs(2);

/// One holder at a time, of many that try at once; each has a larger token than the one before.
pub async fn one_holder_at_a_time(harness: &impl KeyValueHarness) {
    let (locks, patience) =
        (KeyValueLocks::new(with_key_ttl(harness).await), harness.capabilities().patience);
    let (inside, mut tasks) = (Arc::new(AtomicUsize::new(0)), tokio::task::JoinSet::new());
    for _ in 0..8 {
        let (locks, inside) = (locks.clone(), Arc::clone(&inside));
        tasks.spawn(async move {
            let lease = locks.acquire("lock", patience, patience * 4).await.expect("acquired");
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two holders");
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1, "two holders");
            let token = lease.token();
            lease.release().await.expect("released");
            token
        });
    }
    let mut tokens = tasks.join_all().await;
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), 8);
}

/// A lease is renewed beyond its length, with the same token, and free after its release or drop.
pub async fn a_lease_is_renewed_until_released(harness: &impl KeyValueHarness) {
    let store = with_key_ttl(harness).await;
    let (locks, patience) = (KeyValueLocks::new(Arc::clone(&store)), harness.capabilities().patience);
    let lease = locks.try_acquire("lock", LEASE).await.expect("asked").expect("free");
    let (token, began) = (lease.token(), Instant::now());
    while began.elapsed() < LEASE * 2 {
        assert!(lease.is_held() && lease.token() == token);
        assert!(locks.try_acquire("lock", LEASE).await.expect("asked").is_none());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    lease.release().await.expect("released");
    let next = locks.try_acquire("lock", LEASE).await.expect("asked").expect("free");
    assert!(next.token() > token);
    drop(next);
    gone(&store, "lock", patience).await;
}

/// A holder whose entry another one took learns of it, its work is dropped, and its release leaves the new entry alone.
pub async fn a_lost_lease_is_reported(harness: &impl KeyValueHarness) {
    let store = with_key_ttl(harness).await;
    let (locks, patience) = (KeyValueLocks::new(Arc::clone(&store)), harness.capabilities().patience);
    let lease = locks.try_acquire("lock", LEASE).await.expect("asked").expect("free");
    store.remove("lock").await.expect("an operator's removal");
    let other = locks.try_acquire("lock", patience).await.expect("asked").expect("free");
    let endless = std::future::pending::<Result<(), StoreError>>();
    let ended = timeout(patience, lease.run(endless)).await.expect("the loss is reported");
    assert!(matches!(ended, Err(StoreError::LeaseLost)), "{ended:?}");
    assert!(!lease.is_held());
    lease.release().await.expect("nothing to release");
    assert!(other.is_held() && store.read("lock").await.expect("read").is_some());
}

/// A waiter gets the lock soon after its release, and gives up at its limit.
pub async fn a_waiter_gets_a_released_lock(harness: &impl KeyValueHarness) {
    let (locks, patience) =
        (KeyValueLocks::new(with_key_ttl(harness).await), harness.capabilities().patience);
    let lease: Lease = locks.acquire("lock", patience, patience).await.expect("acquired");
    let refused = locks.acquire("lock", LEASE, Duration::from_millis(100)).await;
    assert!(matches!(refused, Err(StoreError::Timeout { .. })), "{refused:?}");
    let waiter = tokio::spawn({
        let locks = locks.clone();
        async move { locks.acquire("lock", patience, patience).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    lease.release().await.expect("released");
    waiter.await.expect("no panic").expect("acquired").release().await.expect("released");
}

/// A lease that no bucket keeps is refused.
pub async fn a_lease_out_of_range_is_refused(harness: &impl KeyValueHarness) {
    let store = with_key_ttl(harness).await;
    let locks = KeyValueLocks::new(Arc::clone(&store));
    for lease in [Duration::ZERO, Duration::from_millis(999), Duration::from_secs(90_000)] {
        let refused = locks.try_acquire("lock", lease).await;
        assert!(matches!(refused, Err(StoreError::InvalidOption { .. })), "{refused:?}");
    }
    let refused = locks.try_acquire("not a key", LEASE).await;
    assert!(matches!(refused, Err(StoreError::InvalidKey { .. })), "{refused:?}");
    let plain = KeyValueLocks::new(super::fixtures::plain(harness).await);
    let refused = plain.try_acquire("lock", LEASE).await;
    assert!(matches!(refused, Err(StoreError::InvalidOption { .. })), "{refused:?}");
    store.delete(&super::fixtures::key("lock"), Expect::Anything).await.expect("removed");
}
