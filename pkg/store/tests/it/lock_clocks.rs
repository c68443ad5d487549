//! What lost answers and clocks that jump do to a lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, advance, sleep, timeout};
use underpin_store::{
    BucketSettings, KeyValue, KeyValueExt, KeyValueLocks, Lease, Locks, MemoryKeyValue, StoreError,
};

use crate::gated::{Gated, Network};

const SECOND: Duration = Duration::from_secs(1);
const LEASE: Duration = Duration::from_secs(30);

fn bucket() -> Arc<dyn KeyValue> {
    Arc::new(MemoryKeyValue::new(BucketSettings::new("locks").key_ttl(true)).unwrap())
}

async fn take(locks: &KeyValueLocks) -> Lease {
    locks.try_acquire("lock", LEASE).await.expect("asked").expect("free")
}

/// Waits until so long after the beginning.
async fn at(began: Instant, seconds: f64) {
    tokio::time::sleep_until(began + Duration::from_secs_f64(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_answers_were_lost_counts_from_its_first_attempt() {
    let (store, began) = (bucket(), Instant::now());
    let network = Gated::new(Arc::clone(&store));
    let lease = take(&KeyValueLocks::new(Arc::clone(&network) as Arc<dyn KeyValue>)).await;
    // The renewal after a third of the lease is written: the entry lives for 30 s from then on.
    network.set(Network::LosesAnswers);
    at(began, 15.0).await;
    assert!(lease.is_held());
    network.set(Network::Works);
    // The next attempt is a conflict with the first one.
    at(began, 16.0).await;
    assert!(lease.is_held(), "its own renewal is no other holder");
    network.set(Network::Frozen);
    at(began, 36.9).await;
    assert!(lease.is_held());
    at(began, 37.1).await;
    assert!(!lease.is_held(), "a tenth before the entry of the first attempt expires");
    let others = KeyValueLocks::new(Arc::clone(&store));
    assert!(others.try_acquire("lock", LEASE).await.unwrap().is_none());
    at(began, 40.1).await;
    assert!(others.try_acquire("lock", LEASE).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_lost_once() {
    let (store, began) = (bucket(), Instant::now());
    let network = Gated::new(Arc::clone(&store));
    let lease = take(&KeyValueLocks::new(Arc::clone(&network) as Arc<dyn KeyValue>)).await;
    at(began, 9.0).await;
    // The renewal of second 10 arrives after the holder has given up, and before the entry expires.
    network.set(Network::Frozen);
    at(began, 27.1).await;
    timeout(SECOND, lease.lost()).await.expect("it is reported");
    network.set(Network::Works);
    sleep(SECOND).await;
    assert!(!lease.is_held(), "what was lost is not held again");
    assert!(store.read("lock").await.unwrap().is_none(), "and is free at once");
}

/// Locks whose wall clock a test sets.
fn with_clock(store: &Arc<dyn KeyValue>) -> (KeyValueLocks, Arc<AtomicI64>) {
    let ahead = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&ahead);
    let (began, ticks) = (SystemTime::now(), Instant::now());
    let locks = KeyValueLocks::new(Arc::clone(store)).wall_clock(move || {
        let now = began + ticks.elapsed();
        let ahead = clock.load(Ordering::SeqCst);
        let by = Duration::from_secs(ahead.unsigned_abs());
        if ahead < 0 { now - by } else { now + by }
    });
    (locks, ahead)
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_forward_or_a_suspended_machine_ends_a_lease() {
    let store = bucket();
    let (locks, ahead) = with_clock(&store);
    let lease = take(&locks).await;
    // The monotonic clock and the timers stand still while a machine is suspended.
    ahead.store(60, Ordering::SeqCst);
    assert!(!lease.is_held());
    let work = std::future::pending::<Result<(), StoreError>>();
    let ended = timeout(SECOND * 2, lease.run(work)).await.expect("it looks at the clock");
    assert!(matches!(ended, Err(StoreError::LeaseLost)));
    // The renewal does not bring it back.
    advance(LEASE / 2).await;
    sleep(SECOND).await;
    assert!(!lease.is_held());
    lease.release().await.expect("nothing to release");
    let revision = store.read("lock").await.unwrap().map(|entry| entry.revision);
    sleep(LEASE).await;
    assert!(store.read("lock").await.unwrap().is_none(), "{revision:?} was renewed after it was lost");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_prolongs_no_lease() {
    let store = bucket();
    let network = Gated::new(Arc::clone(&store));
    let (locks, ahead) = with_clock(&(Arc::clone(&network) as Arc<dyn KeyValue>));
    let began = Instant::now();
    let lease = take(&locks).await;
    ahead.store(-3600, Ordering::SeqCst);
    at(began, 60.0).await;
    assert!(lease.is_held(), "it is renewed");
    network.set(Network::Frozen);
    at(began, 91.0).await;
    assert!(!lease.is_held());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_reported_lost_is_not_held_again_when_the_clock_is_corrected() {
    let store = bucket();
    let (locks, ahead) = with_clock(&store);
    for reported_by_lost in [false, true] {
        let lease = take(&locks).await;
        ahead.store(60, Ordering::SeqCst);
        match reported_by_lost {
            true => timeout(SECOND * 2, lease.lost()).await.expect("it looks at the clock"),
            false => assert!(!lease.is_held()),
        }
        ahead.store(0, Ordering::SeqCst);
        assert!(!lease.is_held(), "it was reported lost");
        let late = timeout(SECOND, lease.run(std::future::pending::<Result<(), StoreError>>())).await;
        assert!(matches!(late, Ok(Err(StoreError::LeaseLost))), "{late:?}");
        // Nor is it renewed.
        sleep(LEASE + SECOND).await;
        assert!(!lease.is_held() && store.read("lock").await.unwrap().is_none());
    }
}
