use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use underpin_errors::{Error, Kind};

use super::feed::InvalidationFeed;
use super::flights::{Answer, Flights};
use super::generation::Generations;
use super::second_level::{Found, SecondLevel, TagsOf, Vacancy};
use super::settings::CacheSettings;
use super::stats::Counters;
use crate::{Revision, StoreError, meters, random};

pub(super) type Load<V> = Pin<Box<dyn Future<Output = Result<Option<V>, Error>> + Send>>;
pub(super) type Tags<K, V> = Arc<dyn Fn(&K, &V) -> Vec<String> + Send + Sync>;
pub(super) type Loader<K, V> = Arc<dyn Fn(K) -> Load<V> + Send + Sync>;

/// A value in memory; none where there is no value.
#[derive(Clone)]
pub(super) struct Slot<V> {
    pub(super) value: Option<V>,
    pub(super) fresh_until: Instant,
    pub(super) stale_until: Instant,
    /// The write of the second level that it comes from.
    pub(super) revision: Option<Revision>,
    tags: Option<Arc<[String]>>,
}

pub(super) struct Inner<K, V> {
    /// In metrics.
    pub(super) name: Option<String>,
    pub(super) settings: CacheSettings,
    pub(super) tags: Option<Tags<K, V>>,
    pub(super) memory: moka::future::Cache<K, Slot<V>>,
    pub(super) flights: Flights<K, V>,
    pub(super) generations: Generations,
    pub(super) second: Option<SecondLevel<V>>,
    pub(super) feed: Option<Arc<dyn InvalidationFeed>>,
    pub(super) text: fn(&K) -> String,
    pub(super) counters: Counters,
    /// Whether the feed is subscribed.
    pub(super) is_subscribed: AtomicBool,
}

impl<K, V> Inner<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The value from the second level, else from the source; kept unless the key was invalidated meanwhile.
    pub(super) async fn load(&self, key: &K, load: Load<V>) -> Answer<V> {
        let generation = self.generations.lock(key).await.map(|generation| *generation);
        let mut vacancy = None;
        if let Some(second) = &self.second {
            let tags = self.tags.as_ref().map(|tags| move |value: &V| tags(key, value));
            let tags = tags.as_ref().map(|tags| tags as TagsOf<'_, V>);
            match second.find(&(self.text)(key), tags).await {
                Ok(Found::Value(value, revision)) => {
                    Counters::count(&self.counters.second_level_hits);
                    self.keep(key, Some(&value), Some(revision), generation).await;
                    return Ok(Some(value));
                }
                Ok(Found::Absent(at)) => vacancy = Some(at),
                // The source has the value all the same.
                Err(_) => {}
            }
        }
        Counters::count(&self.counters.loads);
        let within = self.settings.load_timeout;
        let loaded = timeout(within, load).await.unwrap_or_else(|_| {
            Err(Error::timeout("the load took too long").context(format!("load within {within:?}")))
        });
        match loaded {
            Ok(value) => {
                match self.store(key, value.as_ref(), vacancy).await {
                    Ok(revision) => self.keep(key, value.as_ref(), revision, generation).await,
                    // Another instance wrote or invalidated it: this value may be from before.
                    Err(StoreError::Conflict { .. } | StoreError::Exists { .. }) => {}
                    Err(_) => self.keep(key, value.as_ref(), None, generation).await,
                }
                Ok(value)
            }
            Err(error) => {
                Counters::count(&self.counters.failed_loads);
                Err(Arc::new(error))
            }
        }
    }

    async fn store(
        &self,
        key: &K,
        value: Option<&V>,
        vacancy: Option<Vacancy>,
    ) -> Result<Option<Revision>, StoreError> {
        match (&self.second, value, vacancy) {
            (Some(second), Some(value), Some(vacancy)) => {
                second.put(&(self.text)(key), value, vacancy).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Keeps a value in memory, unless the key was invalidated since the generation was noted.
    async fn keep(&self, key: &K, value: Option<&V>, revision: Option<Revision>, generation: Option<u64>) {
        let now = Instant::now();
        let (ttl, stale) = match value {
            Some(_) => (jittered(self.settings.ttl, self.settings.jitter_percent), self.settings.stale_for),
            None if self.settings.negative_ttl.is_zero() => return,
            None => (self.settings.negative_ttl, Duration::ZERO),
        };
        let fresh_until = now + ttl;
        let tags = self.tags.as_ref().zip(value).map(|(tags, value)| tags(key, value).into());
        let slot =
            Slot { value: value.cloned(), fresh_until, stale_until: fresh_until + stale, revision, tags };
        let current = self.generations.lock(key).await;
        if current.as_deref() == generation.as_ref() {
            self.memory.insert(key.clone(), slot).await;
        }
        drop(current);
    }

    /// Drops the value in memory, and what loads that began before bring.
    pub(super) async fn drop_key(&self, key: &K) {
        Counters::count(&self.counters.invalidations);
        if let Some(mut generation) = self.generations.lock(key).await {
            *generation += 1;
            self.flights.forget(key);
            self.memory.invalidate(key).await;
        }
    }

    /// Handles an invalidation of the feed: a value from its revision, or a later one, stays.
    pub(super) async fn drop_older(&self, key: &K, revision: Option<Revision>) {
        let kept = self.memory.get(key).await.and_then(|slot| slot.revision);
        if revision.is_none() || kept < revision {
            self.drop_key(key).await;
        }
    }

    /// Drops the values with a tag, and what loads that began before bring.
    pub(super) async fn drop_tag(&self, tag: &str) {
        Counters::count(&self.counters.invalidations);
        self.fence().await;
        for (key, slot) in &self.memory {
            if slot.tags.is_some_and(|tags| tags.iter().any(|one| one == tag)) {
                self.memory.invalidate(&*key).await;
            }
        }
    }

    pub(super) async fn drop_all(&self) {
        Counters::count(&self.counters.interruptions);
        self.fence().await;
        self.memory.invalidate_all();
    }

    /// Keeps nothing of the loads that have begun.
    async fn fence(&self) {
        for shard in self.generations.all() {
            *shard.lock().await += 1;
        }
        self.flights.forget_all();
    }

    /// Reports what was counted.
    pub(super) fn report(&self) {
        if let Some(name) = &self.name {
            meters::cache(name, &self.counters.stats());
        }
    }
}

fn jittered(ttl: Duration, percent: u32) -> Duration {
    let most = u64::try_from(ttl.as_micros()).unwrap_or(u64::MAX) / 100 * u64::from(percent);
    ttl.saturating_sub(Duration::from_micros(random::below(most.max(1))))
}

/// The error of a load, for one of its callers.
pub(super) fn shared(error: &Arc<Error>) -> Error {
    let copy = Error::new(error.kind(), error.public_message().to_owned());
    let copy = copy.code(error.error_code().to_owned()).caused_by(Arc::clone(error));
    match error.retry_delay() {
        Some(delay) => copy.retry_after(delay),
        None => copy,
    }
}

/// The error when the task of a load ended without an answer.
pub(super) fn panicked() -> Error {
    Error::new(Kind::Internal, "the load panicked")
}
