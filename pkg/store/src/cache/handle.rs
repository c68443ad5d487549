use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use underpin_errors::{Error, Health, HealthCheck};

use super::feed::Invalidation;
use super::flights::Pending;
use super::inner::{Inner, Load, Loader, panicked, shared};
use super::stats::{CacheStats, Counters};
use crate::{StoreError, spans};

/// Values of a slow source in memory, and optionally in a key-value bucket below that the instances of a service share. Clones share it.
///
/// * Concurrent callers of an absent key share one load. It runs in a task of the cache, so that no caller's cancellation reaches it.
/// * A value that was loaded before an invalidation is never kept after it, here and in the second level.
/// * All waiting callers get the error of a failed load. It is not cached.
///
/// Invalidate after the commit of the change, not before.
///
/// # Examples
/// ```
/// use underpin_errors::Error;
/// use underpin_store::{Cache, CacheSettings};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// let names = Cache::builder(CacheSettings::default())
///     .loading(|id: u64| async move { Ok::<_, Error>((id < 10).then(|| format!("user {id}"))) })?;
/// assert_eq!(names.get(&7).await?.as_deref(), Some("user 7"));
/// assert_eq!(names.get(&70).await?, None);
/// names.invalidate(&7).await?;
/// assert_eq!(names.get(&7).await?.as_deref(), Some("user 7"));
/// assert_eq!(names.stats().loads, 3);
/// # Ok(()) }
/// ```
pub struct Cache<K, V> {
    inner: Arc<Inner<K, V>>,
    loader: Loader<K, V>,
    _listener: Option<Arc<AbortOnDropHandle<()>>>,
}

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        let (inner, loader) = (Arc::clone(&self.inner), Arc::clone(&self.loader));
        Self { inner, loader, _listener: self._listener.clone() }
    }
}

impl<K, V> Cache<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(super) fn new(
        inner: Arc<Inner<K, V>>,
        loader: Loader<K, V>,
        listener: Option<AbortOnDropHandle<()>>,
    ) -> Self {
        Self { inner, loader, _listener: listener.map(Arc::new) }
    }

    /// The value of a key, from memory, the second level, or the loader.
    ///
    /// # Errors
    /// Those of the loader, and `DeadlineExceeded` when it took too long.
    ///
    /// # Cancel safety
    /// Cancel safe: a load goes on.
    pub async fn get(&self, key: &K) -> Result<Option<V>, Error> {
        self.get_by(key, |key| (self.loader)(key)).await
    }

    /// The value of a key, from memory, the second level, or this load in place of the cache's own.
    ///
    /// # Errors
    /// `NotFound` when the load or an earlier one found nothing, and those of [`get`](Self::get).
    ///
    /// # Cancel safety
    /// Cancel safe: a load goes on.
    pub async fn get_or_load<F, Fut>(&self, key: &K, load: F) -> Result<V, Error>
    where
        F: FnOnce(K) -> Fut + Send + 'static,
        Fut: Future<Output = Result<V, Error>> + Send + 'static,
    {
        let found = self.get_by(key, |key| Box::pin(async move { load(key).await.map(Some) })).await?;
        found.ok_or_else(|| Error::not_found("there is no such value"))
    }

    async fn get_by(&self, key: &K, load: impl FnOnce(K) -> Load<V>) -> Result<Option<V>, Error> {
        let slot = self.inner.memory.get(key).await;
        let (now, counters) = (Instant::now(), &self.inner.counters);
        match slot {
            Some(slot) if now < slot.fresh_until => {
                Counters::count(&counters.hits);
                return Ok(slot.value);
            }
            Some(slot) if now < slot.stale_until => {
                Counters::count(&counters.stale_hits);
                drop(self.fly(key, load));
                return Ok(slot.value);
            }
            _ => {}
        }
        Counters::count(&counters.misses);
        let mut answer = self.fly(key, load);
        let answer = answer.wait_for(Option::is_some).await.map_err(|_| panicked())?.clone();
        answer.unwrap_or(Ok(None)).map_err(|error| shared(&error))
    }

    /// Joins the load of a key, or starts it.
    fn fly(&self, key: &K, load: impl FnOnce(K) -> Load<V>) -> Pending<V> {
        let (receiver, flight) = self.inner.flights.join(key);
        if let Some(flight) = flight {
            let (inner, key, load) = (Arc::clone(&self.inner), key.clone(), load(key.clone()));
            let mut span = spans::internal("cache load");
            // It ends by the load timeout and the timeouts of the second level.
            drop(tokio::spawn(async move {
                if let Some(name) = inner.name.as_deref().filter(|_| span.is_recording()) {
                    span.rename(|| format!("load {name}"));
                }
                let answer = span.ctx().scope(inner.load(&key, load)).await;
                if let Err(error) = &answer {
                    span.fail(&**error);
                }
                inner.report();
                flight.answer.send_replace(Some(answer));
                inner.flights.ended(&key, flight.number);
            }));
        }
        receiver
    }

    /// Drops the value of a key: here, in the second level, and in the other instances.
    ///
    /// # Errors
    /// Those of the second level and of the feed: the value is dropped here, and the others may have it still. The feed is told in any
    /// case.
    ///
    /// # Cancel safety
    /// The value may be dropped here only.
    pub async fn invalidate(&self, key: &K) -> Result<(), StoreError> {
        self.inner.drop_key(key).await;
        if self.inner.second.is_none() && self.inner.feed.is_none() {
            return Ok(());
        }
        let text = (self.inner.text)(key);
        let mut removed = Ok(());
        if let Some(second) = &self.inner.second {
            removed = second.remove(&text).await;
            // What was read from it meanwhile.
            self.inner.drop_key(key).await;
        }
        removed.and(self.publish(Invalidation::Key { key: text, revision: None }).await)
    }

    /// Drops the values with a tag: here, in the second level, and in the other instances.
    ///
    /// Here it looks at every key in memory, and loads that are under way keep nothing, whatever their tags.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`] without [`CacheBuilder::tags`](crate::CacheBuilder::tags), and those of
    /// [`invalidate`](Self::invalidate).
    ///
    /// # Cancel safety
    /// The values may be dropped here only.
    ///
    /// # Examples
    /// ```
    /// use underpin_errors::Error;
    /// use underpin_store::{Cache, CacheSettings};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
    /// let prices = Cache::builder(CacheSettings::default())
    ///     .tags(|item: &String, _: &u32| vec![item.split('.').next().unwrap_or_default().to_owned()])
    ///     .loading(|_: String| async { Ok::<_, Error>(Some(7)) })?;
    /// for item in ["tea.green", "tea.black", "coffee.black"] {
    ///     prices.get(&item.to_owned()).await?;
    /// }
    /// prices.invalidate_tag("tea").await?;
    /// prices.get(&"coffee.black".to_owned()).await?;
    /// assert_eq!((prices.stats().loads, prices.stats().hits), (3, 1));
    /// prices.get(&"tea.green".to_owned()).await?;
    /// assert_eq!(prices.stats().loads, 4);
    /// # Ok(()) }
    /// ```
    pub async fn invalidate_tag(&self, tag: &str) -> Result<(), StoreError> {
        if self.inner.tags.is_none() {
            return Err(StoreError::option("tags", "must be set to invalidate by tag"));
        }
        self.inner.drop_tag(tag).await;
        let mut removed = Ok(());
        if let Some(second) = &self.inner.second {
            removed = second.invalidate_tag(tag, self.inner.settings.load_timeout).await;
            // What was read from it meanwhile.
            self.inner.drop_tag(tag).await;
        }
        removed.and(self.publish(Invalidation::Tag { tag: tag.to_owned() }).await)
    }

    async fn publish(&self, invalidation: Invalidation) -> Result<(), StoreError> {
        match &self.inner.feed {
            Some(feed) => feed.publish(&invalidation).await,
            None => Ok(()),
        }
    }

    /// Drops every value here, and no other instance's.
    ///
    /// # Cancel safety
    /// Some values may be dropped.
    pub async fn clear(&self) {
        self.inner.drop_all().await;
    }

    /// What the cache did so far.
    pub fn stats(&self) -> CacheStats {
        self.inner.counters.stats()
    }
}

#[async_trait]
impl<K, V> HealthCheck for Cache<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn name(&self) -> &str {
        self.inner.name.as_deref().unwrap_or("cache")
    }

    /// Degraded while its feed is not subscribed: values are then kept until the next attempt at the latest.
    async fn check(&self) -> Health {
        let (stats, has_feed) = (self.stats(), self.inner.feed.is_some());
        let health = match has_feed && !self.inner.is_subscribed.load(Ordering::Relaxed) {
            true => Health::degraded("the feed of invalidations is interrupted"),
            false => Health::up(),
        };
        health.detail("hits", stats.hits).detail("misses", stats.misses)
    }
}

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { settings, counters, .. } = &*self.inner;
        f.debug_struct("Cache").field("settings", settings).field("stats", &counters.stats()).finish()
    }
}
