//! The cache: one load at a time, fences, stale values, a second level and its feed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use underpin_errors::{Error, Kind};
use underpin_store::{
    BucketSettings, Cache, CacheSettings, Invalidation, InvalidationFeed, Invalidations, KeyPattern,
    KeyValue, KeyValueExt, KeyValueFeed, MemoryKeyValue, StoreError, Ttl,
};

use crate::support::{LIMIT, eventually, private};

const SECOND: Duration = Duration::from_secs(1);

/// A source that counts, and can be held up.
#[derive(Clone, Default)]
struct Source {
    loads: Arc<AtomicUsize>,
    value: Arc<AtomicUsize>,
    fails: Arc<AtomicUsize>,
    gate: Option<Arc<Notify>>,
    began: Arc<Notify>,
}

impl Source {
    fn gated() -> Self {
        Self { gate: Some(Arc::default()), ..Self::default() }
    }

    async fn load(self, key: String) -> Result<Option<String>, Error> {
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

    fn open(&self) {
        self.gate.as_ref().unwrap().notify_one();
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    fn set(&self, value: usize) {
        self.value.store(value, Ordering::SeqCst);
    }
}

fn cache(settings: CacheSettings, source: &Source) -> Cache<String, String> {
    Cache::builder(settings).loading_with(source.clone(), Source::load).unwrap()
}

async fn get(cache: &Cache<String, String>, key: &str) -> Option<String> {
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

fn over(source: &Source, store: &Arc<dyn KeyValue>) -> Cache<String, String> {
    Cache::builder(CacheSettings::default())
        .second_level(Arc::clone(store), Ttl::After(SECOND * 60))
        .feed(Arc::new(KeyValueFeed::of_second_level(Arc::clone(store))))
        .loading_with(source.clone(), Source::load)
        .unwrap()
}

/// Two instances over one second level.
async fn instances_share(store: Arc<dyn KeyValue>) {
    let source = Source::default();
    let (one, two) = (over(&source, &store), over(&source, &store));
    // The feeds are subscribed: each begins with an empty memory.
    eventually("both listen", || async { one.stats().interruptions > 0 && two.stats().interruptions > 0 })
        .await;
    assert_eq!(get(&one, "a").await.as_deref(), Some("a=0"));
    assert_eq!(get(&two, "a").await.as_deref(), Some("a=0"));
    assert_eq!(source.loads(), 1, "the second one reads the second level");
    source.set(1);
    one.invalidate(&"a".to_owned()).await.unwrap();
    assert_eq!(get(&one, "a").await.as_deref(), Some("a=1"));
    eventually("the other hears", || async { get(&two, "a").await.as_deref() == Some("a=1") }).await;
    assert_eq!(source.loads(), 2);
    eventually("hits come from memory", || async {
        let before = two.stats().hits;
        get(&two, "a").await;
        two.stats().hits > before
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_share_a_second_level_in_memory() {
    instances_share(Arc::new(MemoryKeyValue::new(BucketSettings::new("cache").key_ttl(true)).unwrap())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_share_a_second_level_on_a_server() {
    let (server, store) = private(BucketSettings::new("cache").key_ttl(true)).await;
    instances_share(Arc::new(store.clone())).await;
    // A second level that is away is no reason to fail.
    let source = Source::default();
    let cache = over(&source, &(Arc::new(store) as Arc<dyn KeyValue>));
    eventually("it listens", || async { cache.stats().interruptions > 0 }).await;
    get(&cache, "kept").await;
    server.kill().await;
    eventually("the interruption is noticed", || async { cache.stats().interruptions > 1 }).await;
    let value = cache.get(&"b".to_owned()).await.unwrap();
    assert_eq!(value.as_deref(), Some("b=0"));
}

#[tokio::test]
async fn a_load_from_before_the_invalidation_of_another_instance_is_not_stored() {
    let store: Arc<dyn KeyValue> =
        Arc::new(MemoryKeyValue::new(BucketSettings::new("cache").key_ttl(true)).unwrap());
    let (slow, source) = (Source::gated(), Source::default());
    let one = Cache::builder(CacheSettings::default())
        .second_level(Arc::clone(&store), Ttl::Bucket)
        .loading_with(slow.clone(), Source::load)
        .unwrap();
    let two = over(&source, &store);
    let old = tokio::spawn({
        let one = one.clone();
        async move { get(&one, "a").await }
    });
    slow.began.notified().await;
    two.invalidate(&"a".to_owned()).await.unwrap();
    slow.open();
    assert_eq!(old.await.unwrap().as_deref(), Some("a=0"));
    assert_eq!(store.all_keys(&KeyPattern::all()).await.unwrap(), [], "the old value is not stored");
    source.set(1);
    assert_eq!(get(&two, "a").await.as_deref(), Some("a=1"));
    assert_eq!(get(&one, "a").await.as_deref(), Some("a=1"), "nor kept here");
}

/// A feed that a test speaks for.
struct Told(tokio::sync::Mutex<Option<mpsc::Receiver<Invalidation>>>);

#[async_trait]
impl InvalidationFeed for Told {
    async fn publish(&self, _: &str) -> Result<(), StoreError> {
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
    drop(sender);
    eventually("the end is noticed", || async { cache.stats().interruptions >= 3 }).await;
}
