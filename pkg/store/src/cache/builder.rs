use std::fmt::{self, Display};
use std::future::Future;
use std::hash::Hash;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use underpin_errors::Error;

use super::feed::{Invalidation, InvalidationFeed};
use super::flights::Flights;
use super::generation::Generations;
use super::handle::Cache;
use super::inner::{Inner, Loader, Tags};
use super::second_level::SecondLevel;
use super::settings::CacheSettings;
use super::stats::Counters;
use crate::{KeyValue, StoreError, Ttl};

/// The wait before a feed that ended is subscribed again.
const PAUSE: Duration = Duration::from_millis(500);

/// A cache that is being put together: [`Cache::builder`].
pub struct CacheBuilder<K, V> {
    settings: CacheSettings,
    name: Option<String>,
    tags: Option<Tags<K, V>>,
    second: Option<SecondLevel<V>>,
    feed: Option<Arc<dyn InvalidationFeed>>,
    text: fn(&K) -> String,
    parse: fn(&str) -> Option<K>,
}

impl<K, V> CacheBuilder<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn new(settings: CacheSettings) -> Self {
        Self {
            settings,
            name: None,
            tags: None,
            second: None,
            feed: None,
            text: |_| String::new(),
            parse: |_| None,
        }
    }

    /// The name of the cache in metrics; without one it has none.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The tags of a value, for [`invalidate_tag`](Cache::invalidate_tag). A key without a value has none.
    ///
    /// In a second level a get reads an entry for each tag, and a load one more.
    #[must_use]
    pub fn tags(mut self, tags: impl Fn(&K, &V) -> Vec<String> + Send + Sync + 'static) -> Self {
        self.tags = Some(Arc::new(tags));
        self
    }

    /// A bucket below the memory, which instances share. Values are stored as JSON and kept for `ttl`.
    #[must_use]
    pub fn second_level(mut self, store: Arc<dyn KeyValue>, ttl: Ttl) -> Self
    where
        K: Display,
        V: Serialize + DeserializeOwned,
    {
        self.second = Some(SecondLevel::new(store, ttl));
        self.text = |key| key.to_string();
        self
    }

    /// How invalidations reach other instances. While it is interrupted everything in memory is dropped.
    #[must_use]
    pub fn feed(mut self, feed: Arc<dyn InvalidationFeed>) -> Self
    where
        K: Display + FromStr,
    {
        self.feed = Some(feed);
        self.text = |key| key.to_string();
        self.parse = |text| text.parse().ok();
        self
    }

    /// The cache over this loader, which finds none where there is no value.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`].
    ///
    /// # Panics
    /// Outside of a runtime, with a feed.
    pub fn loading<F, Fut>(self, load: F) -> Result<Cache<K, V>, StoreError>
    where
        F: Fn(K) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<V>, Error>> + Send + 'static,
    {
        self.settings.check()?;
        let loader: Loader<K, V> = Arc::new(move |key| Box::pin(load(key)));
        let inner = Arc::new(Inner {
            memory: moka::future::Cache::new(self.settings.capacity),
            name: self.name,
            settings: self.settings,
            tags: self.tags,
            flights: Flights::new(),
            generations: Generations::new(),
            second: self.second,
            feed: self.feed,
            text: self.text,
            counters: Counters::default(),
            is_subscribed: AtomicBool::new(false),
        });
        let listener = inner.feed.clone().map(|feed| {
            AbortOnDropHandle::new(tokio::spawn(listen(feed, Arc::downgrade(&inner), self.parse)))
        });
        Ok(Cache::new(inner, loader, listener))
    }

    /// The cache over a loader with a state, so that it may be a function or an async closure.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`].
    ///
    /// # Panics
    /// Outside of a runtime, with a feed.
    pub fn loading_with<S, F, Fut>(self, state: S, load: F) -> Result<Cache<K, V>, StoreError>
    where
        S: Clone + Send + Sync + 'static,
        F: Fn(S, K) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<V>, Error>> + Send + 'static,
    {
        self.loading(move |key| load(state.clone(), key))
    }
}

impl<K, V> Cache<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Begins a cache.
    pub fn builder(settings: CacheSettings) -> CacheBuilder<K, V> {
        CacheBuilder::new(settings)
    }
}

/// Follows a feed until the cache is gone.
async fn listen<K, V>(feed: Arc<dyn InvalidationFeed>, inner: Weak<Inner<K, V>>, parse: fn(&str) -> Option<K>)
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    loop {
        let mut subscribed = feed.subscribe().await.ok();
        // What was kept before may have been invalidated unheard.
        let Some(cache) = inner.upgrade() else { return };
        cache.drop_all().await;
        cache.is_subscribed.store(subscribed.is_some(), Ordering::Relaxed);
        drop(cache);
        while let Some(invalidations) = &mut subscribed {
            let received = invalidations.next().await;
            let Some(cache) = inner.upgrade() else { return };
            match received {
                Ok(Invalidation::Key { key, revision }) => match parse(&key) {
                    Some(key) => cache.drop_older(&key, revision).await,
                    None => cache.drop_all().await,
                },
                Ok(Invalidation::Tag { tag }) => cache.drop_tag(&tag).await,
                Ok(Invalidation::Interrupted) => cache.drop_all().await,
                Err(_) => {
                    cache.is_subscribed.store(false, Ordering::Relaxed);
                    cache.drop_all().await;
                    subscribed = None;
                }
            }
            cache.report();
        }
        sleep(PAUSE).await;
    }
}

impl<K, V> fmt::Debug for CacheBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
