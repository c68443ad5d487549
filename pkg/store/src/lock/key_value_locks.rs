use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, timeout_at};
use underpin_errors::{Health, HealthCheck};

use super::clock::{Clock, Expiry, Term};
use super::renewal::Renewal;
use crate::kv::hex;
use crate::{
    Key, KeyPattern, KeyValue, KeyValueExt, Lease, Locks, Revision, StoreError, Ttl, Watch, WatchEvent,
    WatchOptions, meters, random, spans,
};

/// How often a waiter polls: without a leader a bucket announces no expiry.
const LOOK: Duration = Duration::from_secs(1);
/// A longer wait for a lock counts as this one.
const LONGEST_WAIT: Duration = Duration::from_secs(366 * 24 * 60 * 60);
const LEASES: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);

/// Locks in a key-value bucket with [`key_ttl`](crate::BucketSettings::key_ttl): an entry for each lock that is held, named like the
/// lock, which the server removes when the lease is over. Names must be [`Key`]s.
///
/// The server's clock decides when a lease is over, and the holder's clocks, a tenth earlier, when it stops to rely on it. A server whose
/// time is set forward can end a lease early, and with one replica, a server that loses power can bring back an earlier holder: keep
/// three replicas, and fence at the resource.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use underpin_store::{BucketSettings, KeyValueLocks, Locks, MemoryKeyValue, StoreError};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), StoreError> {
/// let bucket = MemoryKeyValue::new(BucketSettings::new("locks").key_ttl(true))?;
/// let locks = KeyValueLocks::new(Arc::new(bucket));
/// let lease = locks.acquire("billing", Duration::from_secs(10), Duration::from_secs(5)).await?;
/// assert!(locks.try_acquire("billing", Duration::from_secs(10)).await?.is_none());
/// let done = lease.run(async { Ok::<_, StoreError>(lease.token()) }).await?;
/// lease.release().await?;
/// let next = locks.try_acquire("billing", Duration::from_secs(10)).await?.expect("it is free");
/// assert!(next.token() > done);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct KeyValueLocks {
    store: Arc<dyn KeyValue>,
    clock: Clock,
}

impl KeyValueLocks {
    /// Locks in this bucket.
    pub fn new(store: Arc<dyn KeyValue>) -> Self {
        Self { store, clock: Clock::default() }
    }

    /// Replaces the wall clock of the leases, for tests of what a suspended machine or a corrected time does.
    #[must_use]
    pub fn wall_clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Clock::with_wall(clock);
        self
    }

    /// Writes the entry of the lock; none when there is one.
    async fn take(&self, key: &Key, owner: &Bytes, lease: Duration) -> Result<Option<Revision>, StoreError> {
        let unconfirmed = match self.store.create(key, owner.clone(), Ttl::After(lease)).await {
            Ok(revision) => return Ok(Some(revision)),
            // Others replace each other: it is not free.
            Err(error) if error.is_conflict() => return Ok(None),
            Err(error @ StoreError::Unconfirmed(_)) => error,
            Err(error) => return Err(error),
        };
        match self.store.read(key).await? {
            Some(entry) if entry.value == *owner => Ok(Some(entry.revision)),
            Some(_) => Ok(None),
            None => Err(unconfirmed),
        }
    }
}

#[async_trait]
impl HealthCheck for KeyValueLocks {
    fn name(&self) -> &str {
        "locks"
    }

    async fn check(&self) -> Health {
        self.store.check().await
    }
}

#[async_trait]
impl Locks for KeyValueLocks {
    async fn try_acquire(&self, name: &str, lease: Duration) -> Result<Option<Lease>, StoreError> {
        if !LEASES.contains(&lease) {
            return Err(StoreError::option("lease", "must be from 1s to a day"));
        }
        let key = Key::new(name)?;
        let owner = Bytes::from(hex(&random::bytes::<16>()?));
        let asked = self.clock.now();
        let Some(revision) = self.take(&key, &owner, lease).await? else { return Ok(None) };
        let (term, held) = watch::channel(Term::of_lease(asked, lease));
        let (release, asked_to_release) = oneshot::channel();
        let (store, clock, expiry) = (Arc::clone(&self.store), self.clock.clone(), Expiry::default());
        let renewal = Renewal { store, key, owner, revision, lease, term, expiry: expiry.clone(), clock };
        // It ends with the lease, which asks it to when dropped.
        drop(tokio::spawn(renewal.run(asked_to_release)));
        Ok(Some(Lease::new(revision.get(), held, expiry, self.clock.clone(), release)))
    }

    async fn acquire(&self, name: &str, lease: Duration, within: Duration) -> Result<Lease, StoreError> {
        let mut span = spans::internal("acquire lock");
        span.set("db.collection.name", self.store.name());
        let began = Instant::now();
        let acquired = span.ctx().scope(self.wait_for(name, lease, within)).await;
        meters::lease_awaited(began.elapsed(), acquired.as_ref().err());
        spans::ended(&mut span, acquired.as_ref().err());
        acquired
    }
}

impl KeyValueLocks {
    async fn wait_for(&self, name: &str, lease: Duration, within: Duration) -> Result<Lease, StoreError> {
        let until = Instant::now() + within.min(LONGEST_WAIT);
        let mut watch: Option<Box<dyn Watch>> = None;
        loop {
            if let Some(lease) = self.try_acquire(name, lease).await? {
                return Ok(lease);
            }
            if Instant::now() >= until {
                return Err(StoreError::Timeout { operation: "acquire a lock", within });
            }
            if watch.is_none() {
                let options = WatchOptions::new(KeyPattern::from(&Key::new(name)?)).without_values();
                // Without a watch it looks by itself.
                watch = self.store.watch(options).await.ok();
            }
            let look = until.min(Instant::now() + LOOK);
            match &mut watch {
                Some(watch) => drop(timeout_at(look, freed(watch)).await),
                None => drop(timeout_at(until, sleep(LOOK / 4)).await),
            }
            // Not all waiters at once.
            sleep(Duration::from_micros(random::below(5_000))).await;
        }
    }
}

/// Waits until the entry of a lock is removed.
async fn freed(watch: &mut Box<dyn Watch>) {
    loop {
        match watch.next().await {
            Ok(WatchEvent::Changed(entry)) if !entry.is_put() => return,
            Ok(_) => {}
            Err(_) => sleep(LOOK).await,
        }
    }
}

impl fmt::Debug for KeyValueLocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyValueLocks").field("store", &self.store.name()).finish()
    }
}
