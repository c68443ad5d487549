//! Holders that are killed and frozen, in rounds from a seed: never two that both count as holders, and no write past a fence.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use underpin_store::{BucketSettings, KeyValue, KeyValueLocks, Locks, MemoryKeyValue, StoreError};

use crate::gated::{Gated, Network};
use crate::support::private;

const LEASE: Duration = Duration::from_secs(1);
const HOLDERS: usize = 3;

/// What every holder writes to. It refuses tokens that are smaller than one that it has seen.
#[derive(Default)]
struct Resource {
    fence: AtomicU64,
    /// The largest token whose holder counted as one.
    held: AtomicU64,
    written: AtomicUsize,
    refused: AtomicUsize,
}

impl Resource {
    fn write(&self, token: u64) {
        if self.fence.fetch_max(token, Ordering::SeqCst) <= token {
            self.written.fetch_add(1, Ordering::SeqCst);
        } else {
            self.refused.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The larger token was held before the smaller one is held still: two holders.
    fn check(&self, lease: &underpin_store::Lease) {
        let before = self.held.load(Ordering::SeqCst);
        if lease.is_held() {
            assert!(lease.token() >= before, "{} is held, and {before} was", lease.token());
            self.held.fetch_max(lease.token(), Ordering::SeqCst);
        }
    }
}

/// What happens to a holder while it has the lock.
#[derive(Clone, Copy)]
enum Fate {
    Releases,
    /// Its entry stays until the server removes it.
    Killed,
    /// For longer than the lease; then it goes on to write.
    Frozen,
}

fn fate(seed: &mut u64) -> Fate {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    match (*seed >> 33) % 4 {
        0 => Fate::Killed,
        1 => Fate::Frozen,
        _ => Fate::Releases,
    }
}

async fn holder(
    store: Arc<dyn KeyValue>,
    name: String,
    resource: Arc<Resource>,
    rounds: usize,
    mut seed: u64,
) {
    for _ in 0..rounds {
        let network = Gated::new(Arc::clone(&store));
        let locks = KeyValueLocks::new(Arc::clone(&network) as Arc<dyn KeyValue>);
        let lease = match locks.acquire(&name, LEASE, Duration::from_secs(60)).await {
            Ok(lease) => lease,
            Err(error) => panic!("{error:?}"),
        };
        resource.check(&lease);
        resource.write(lease.token());
        tokio::time::sleep(Duration::from_millis(5)).await;
        resource.check(&lease);
        match fate(&mut seed) {
            Fate::Releases => lease.release().await.expect("released"),
            // Frozen for ever: it neither renews nor releases.
            Fate::Killed => network.set(Network::Frozen),
            Fate::Frozen => {
                network.set(Network::Frozen);
                tokio::time::sleep(LEASE * 5 / 2).await;
                resource.check(&lease);
                network.set(Network::Works);
                assert!(!lease.is_held(), "it was frozen for longer than its lease");
                let work = async {
                    resource.write(lease.token());
                    Ok::<_, StoreError>(())
                };
                let late = lease.run(work).await;
                assert!(matches!(late, Err(StoreError::LeaseLost)), "it acts after its lease");
                // A holder without `run` is stopped by the fence, if somebody else came.
                resource.write(lease.token());
            }
        }
    }
}

async fn chaos(store: Arc<dyn KeyValue>, locks: usize, rounds: usize, seed: u64) -> Vec<Arc<Resource>> {
    let (mut tasks, mut resources) = (tokio::task::JoinSet::new(), Vec::new());
    for lock in 0..locks {
        let resource = Arc::new(Resource::default());
        for number in 0..HOLDERS {
            let seed =
                seed.wrapping_add((lock * HOLDERS + number) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let name = format!("lock.{lock}");
            tasks.spawn(holder(Arc::clone(&store), name, Arc::clone(&resource), rounds, seed));
        }
        resources.push(resource);
    }
    tasks.join_all().await;
    resources
}

fn count(resources: &[Arc<Resource>], of: impl Fn(&Resource) -> &AtomicUsize) -> usize {
    resources.iter().map(|resource| of(resource).load(Ordering::SeqCst)).sum()
}

/// 1,020 rounds in the time of the test's own clock.
#[tokio::test(start_paused = true)]
async fn two_holders_never_overlap_in_memory() {
    let settings = BucketSettings::new("locks").key_ttl(true);
    let resources = chaos(Arc::new(MemoryKeyValue::new(settings).unwrap()), 10, 34, 7).await;
    let (written, refused) = (count(&resources, |r| &r.written), count(&resources, |r| &r.refused));
    assert!(written >= 10 * 34 * HOLDERS, "{written}");
    assert!(refused > 0, "no late write met the fence");
}

/// 180 rounds against a real server and real time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_holders_never_overlap_on_a_server() {
    let (_server, store) = private(BucketSettings::new("locks").key_ttl(true)).await;
    let resources = chaos(Arc::new(store), 20, 3, 11).await;
    let (written, refused) = (count(&resources, |r| &r.written), count(&resources, |r| &r.refused));
    assert!(written >= 20 * 3 * HOLDERS, "{written}");
    assert!(refused > 0, "no late write met the fence");
}
