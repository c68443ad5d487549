//! The cache in memory: one load at a time, fences, stale values, and a feed that is interrupted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use underpin_errors::{Error, HealthCheck, HealthStatus, Kind};
use underpin_store::{Cache, CacheSettings, Invalidation, InvalidationFeed, Invalidations, StoreError};

use crate::support::{LIMIT, eventually};

const SECOND: Duration = Duration::from_secs(1);

/// A source that counts, and can be held up.
#[derive(Clone, Default)]
pub(crate) struct Source {
    loads: Arc<AtomicUsize>,
    value: Arc<AtomicUsize>,
    fails: Arc<AtomicUsize>,
    gate: Option<Arc<Notify>>,
    pub(crate) began: Arc<Notify>,
}

impl Source {
    pub(crate) fn gated() -> Self {
        Self { gate: Some(Arc::default()), ..Self::default() }
    }

    pub(crate) async fn load(self, key: String) -> Result<Option<String>, Error> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let value = self.value.load(Ordering::SeqCst);
        self.began.notify_one();
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        if self.fails.load(Ordering::SeqCst) > 0 {
            return Err(Error::unavailable("the source is away"));
        }
        Ok((key != "none").then(|| format!("{key}={value}")))
    }

    pub(crate) fn open(&self) {
        self.gate.as_ref().unwrap().notify_one();
    }

    pub(crate) fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    pub(crate) fn set(&self, value: usize) {
        self.value.store(value, Ordering::SeqCst);
    }
}

fn cache(settings: CacheSettings, source: &Source) -> Cache<String, String> {
    Cache::builder(settings).loading_with(source.clone(), Source::load).unwrap()
}

pub(crate) async fn get(cache: &Cache<String, String>, key: &str) -> Option<String> {
    timeout(LIMIT, cache.get(&key.to_owned())).await.expect("in time").expect("loaded")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_run_one_load() {
    let source = Source::gated();
    let cache = cache(CacheSettings::default(), &source);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let cache = cache.clone();
        callers.spawn(async move { get(&cache, "a").await });
    }
    eventually("all wait", || async { cache.stats().misses == 1000 }).await;
    source.open();
    assert!(callers.join_all().await.iter().all(|value| value.as_deref() == Some("a=0")));
    assert_eq!((source.loads(), cache.stats().loads), (1, 1));
    assert_eq!(get(&cache, "a").await.as_deref(), Some("a=0"));
    assert_eq!((source.loads(), cache.stats().hits), (1, 1));
}

#[tokio::test]
async fn a_caller_that_gives_up_fails_nobody() {
    let source = Source::gated();
    let cache = cache(CacheSettings::default(), &source);
    let key = "a".to_owned();
    let first = tokio::spawn({
        let (cache, key) = (cache.clone(), key.clone());
        async move { cache.get(&key).await }
    });
    source.began.notified().await;
    let second = tokio::spawn({
        let cache = cache.clone();
        async move { cache.get(&key).await }
    });
    first.abort();
    drop(first.await);
    source.open();
    assert_eq!(second.await.unwrap().unwrap().as_deref(), Some("a=0"));
    assert_eq!(source.loads(), 1);
}

#[tokio::test]
async fn a_load_from_before_an_invalidation_is_not_kept() {
    let source = Source::gated();
    let cache = cache(CacheSettings::default(), &source);
    let old = tokio::spawn({
        let cache = cache.clone();
        async move { get(&cache, "a").await }
    });
    source.began.notified().await;
    // The source changes, and the load has read the old value.
    source.set(1);
    cache.invalidate(&"a".to_owned()).await.unwrap();
    let new = tokio::spawn({
        let cache = cache.clone();
        async move { get(&cache, "a").await }
    });
    // Whoever asks after the invalidation does not join the load from before.
    source.began.notified().await;
    source.gate.as_ref().unwrap().notify_waiters();
    assert_eq!(old.await.unwrap().as_deref(), Some("a=0"));
    assert_eq!(new.await.unwrap().as_deref(), Some("a=1"));
    assert_eq!(get(&cache, "a").await.as_deref(), Some("a=1"));
    assert_eq!(source.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn absence_is_remembered_and_failure_is_not() {
    let source = Source::default();
    let cache = cache(CacheSettings::default().negative_ttl(SECOND * 5), &source);
    assert_eq!(get(&cache, "none").await, None);
    assert_eq!(get(&cache, "none").await, None);
    assert_eq!(source.loads(), 1);
    tokio::time::advance(SECOND * 6).await;
    assert_eq!(get(&cache, "none").await, None);
    assert_eq!(source.loads(), 2);
    source.fails.store(1, Ordering::SeqCst);
    let error = cache.get(&"a".to_owned()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    source.fails.store(0, Ordering::SeqCst);
    assert_eq!(get(&cache, "a").await.as_deref(), Some("a=0"));
    let found = cache.get_or_load(&"none".to_owned(), |_| async { Ok("else".to_owned()) }).await;
    assert_eq!(found.unwrap_err().kind(), Kind::NotFound);
    let found = cache.get_or_load(&"other".to_owned(), |_| async { Ok("else".to_owned()) }).await;
    assert_eq!(found.unwrap(), "else");
}

#[tokio::test(start_paused = true)]
async fn a_stale_value_serves_while_a_new_one_is_loaded_and_while_loads_fail() {
    let source = Source::default();
    let settings = CacheSettings::default().ttl(SECOND * 10).jitter_percent(0).stale_for(SECOND * 60);
    let cache = cache(settings, &source);
    assert_eq!(get(&cache, "a").await.as_deref(), Some("a=0"));
    source.set(1);
    tokio::time::advance(SECOND * 11).await;
    assert_eq!(get(&cache, "a").await.as_deref(), Some("a=0"), "stale");
    eventually("it is refreshed", || async { get(&cache, "a").await.as_deref() == Some("a=1") }).await;
    source.fails.store(1, Ordering::SeqCst);
    tokio::time::advance(SECOND * 11).await;
    assert_eq!(get(&cache, "a").await.as_deref(), Some("a=1"), "the source is away");
    tokio::time::advance(SECOND * 60).await;
    assert!(cache.get(&"a".to_owned()).await.is_err(), "not for ever");
}

#[tokio::test(start_paused = true)]
async fn values_that_were_loaded_together_do_not_expire_together() {
    let source = Source::default();
    let cache = cache(CacheSettings::default().ttl(SECOND * 100).jitter_percent(50), &source);
    for number in 0..100 {
        get(&cache, &number.to_string()).await;
    }
    tokio::time::advance(SECOND * 75).await;
    for number in 0..100 {
        get(&cache, &number.to_string()).await;
    }
    assert!((110..190).contains(&source.loads()), "{} loads", source.loads());
}

#[tokio::test(start_paused = true)]
async fn a_load_that_panics_or_takes_too_long_fails_and_the_next_works() {
    let calls = Arc::new(AtomicUsize::new(0));
    let load = |calls: Arc<AtomicUsize>, key: u32| async move {
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 => panic!("a bug"),
            1 => std::future::pending().await,
            _ => Ok::<_, Error>(Some(key)),
        }
    };
    let cache = Cache::builder(CacheSettings::default()).loading_with(calls, load).unwrap();
    assert_eq!(cache.get(&7).await.unwrap_err().kind(), Kind::Internal);
    assert_eq!(cache.get(&7).await.unwrap_err().kind(), Kind::DeadlineExceeded);
    assert_eq!(cache.get(&7).await.unwrap(), Some(7));
}

/// A feed that a test speaks for.
struct Told(tokio::sync::Mutex<Option<mpsc::Receiver<Invalidation>>>);

#[async_trait]
impl InvalidationFeed for Told {
    async fn publish(&self, _: &Invalidation) -> Result<(), StoreError> {
        Ok(())
    }

    async fn subscribe(&self) -> Result<Box<dyn Invalidations>, StoreError> {
        let receiver = self.0.lock().await.take().ok_or(StoreError::Closed)?;
        Ok(Box::new(Receiving(receiver)))
    }
}

struct Receiving(mpsc::Receiver<Invalidation>);

#[async_trait]
impl Invalidations for Receiving {
    async fn next(&mut self) -> Result<Invalidation, StoreError> {
        self.0.recv().await.ok_or(StoreError::Closed)
    }
}

#[tokio::test]
async fn an_interrupted_feed_clears_the_memory() {
    let (sender, receiver) = mpsc::channel(8);
    let source = Source::default();
    let cache = Cache::builder(CacheSettings::default())
        .feed(Arc::new(Told(tokio::sync::Mutex::new(Some(receiver)))))
        .loading_with(source.clone(), Source::load)
        .unwrap();
    eventually("it listens", || async { cache.stats().interruptions == 1 }).await;
    for key in ["a", "b"] {
        get(&cache, key).await;
        get(&cache, key).await;
    }
    assert_eq!(source.loads(), 2);
    sender.send(Invalidation::Key { key: "a".to_owned(), revision: None }).await.unwrap();
    eventually("one key is dropped", || async { cache.stats().invalidations == 1 }).await;
    get(&cache, "b").await;
    assert_eq!(source.loads(), 2);
    get(&cache, "a").await;
    assert_eq!(source.loads(), 3);
    sender.send(Invalidation::Interrupted).await.unwrap();
    eventually("all is dropped", || async { cache.stats().interruptions == 2 }).await;
    get(&cache, "a").await;
    get(&cache, "b").await;
    assert_eq!(source.loads(), 5);
    // A feed that ends is an interruption too.
    assert_eq!(cache.check().await.status, HealthStatus::Up);
    drop(sender);
    eventually("the end is noticed", || async { cache.stats().interruptions >= 3 }).await;
    assert_eq!(cache.check().await.status, HealthStatus::Degraded);
}

#[tokio::test]
async fn values_of_a_tag_are_dropped_together_and_loads_from_before_are_not_kept() {
    let source = Source::gated();
    let of_tenant = |key: &String, _: &String| vec![key.split('.').next().unwrap_or_default().to_owned()];
    let cache = Cache::builder(CacheSettings::default())
        .tags(of_tenant)
        .loading_with(source.clone(), Source::load)
        .unwrap();
    let fetch = |key: &'static str| {
        let cache = cache.clone();
        tokio::spawn(async move { get(&cache, key).await })
    };
    for key in ["7.a", "7.b", "8.a"] {
        let first = fetch(key);
        source.began.notified().await;
        source.open();
        first.await.unwrap();
    }
    let old = fetch("7.c");
    source.began.notified().await;
    source.set(1);
    cache.invalidate_tag("7").await.unwrap();
    source.open();
    assert_eq!(old.await.unwrap().as_deref(), Some("7.c=0"));
    assert_eq!(get(&cache, "8.a").await.as_deref(), Some("8.a=0"), "of another tag");
    for key in ["7.a", "7.b", "7.c"] {
        let again = fetch(key);
        source.began.notified().await;
        source.open();
        assert_eq!(again.await.unwrap(), Some(format!("{key}=1")));
    }
    let untagged = Cache::builder(CacheSettings::default()).loading_with(source, Source::load).unwrap();
    let refused = untagged.invalidate_tag("7").await;
    assert!(matches!(refused, Err(StoreError::InvalidOption { .. })), "{refused:?}");
}
