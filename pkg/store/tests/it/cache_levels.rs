//! A cache over a second level that instances share, and what its feed brings.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use underpin_store::{
    BucketSettings, Cache, CacheSettings, Invalidation, InvalidationFeed, Invalidations, KeyPattern,
    KeyValue, KeyValueExt, KeyValueFeed, MemoryKeyValue, StoreError, Ttl,
};
use underpin_testkit::{Direction, Fault, NatsServer, Proxy};

use crate::cache::{Source, get};
use crate::gated::{Gated, Network};
use crate::support::{connect, eventually, open, private};

const SECOND: Duration = Duration::from_secs(1);

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

/// Two instances of which one invalidates a tag.
async fn instances_share_tags(store: Arc<dyn KeyValue>) {
    let source = Source::default();
    let tagged = || {
        Cache::builder(CacheSettings::default())
            .tags(|key: &String, _: &String| vec![key.split('.').next().unwrap_or_default().to_owned()])
            .second_level(Arc::clone(&store), Ttl::After(SECOND * 60))
            .feed(Arc::new(KeyValueFeed::of_second_level(Arc::clone(&store))))
            .loading_with(source.clone(), Source::load)
            .unwrap()
    };
    let (one, two) = (tagged(), tagged());
    eventually("both listen", || async { one.stats().interruptions > 0 && two.stats().interruptions > 0 })
        .await;
    for key in ["7.a", "8.a"] {
        assert_eq!(get(&one, key).await, get(&two, key).await);
    }
    assert_eq!(source.loads(), 2);
    source.set(1);
    one.invalidate_tag("7").await.unwrap();
    assert_eq!(get(&one, "7.a").await.as_deref(), Some("7.a=1"));
    eventually("the other hears", || async { get(&two, "7.a").await.as_deref() == Some("7.a=1") }).await;
    assert_eq!(get(&two, "8.a").await.as_deref(), Some("8.a=0"));
    assert_eq!(source.loads(), 3, "each value once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_share_tags_in_memory() {
    let bucket = BucketSettings::new("cache").key_ttl(true);
    instances_share_tags(Arc::new(MemoryKeyValue::new(bucket).unwrap())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_share_tags_on_a_server() {
    let (_server, store) = private(BucketSettings::new("cache").key_ttl(true)).await;
    instances_share_tags(Arc::new(store)).await;
}

#[tokio::test]
async fn a_load_from_before_the_invalidation_of_its_tag_elsewhere_is_not_valid() {
    let store: Arc<dyn KeyValue> =
        Arc::new(MemoryKeyValue::new(BucketSettings::new("cache").key_ttl(true)).unwrap());
    let (slow, source) = (Source::gated(), Source::default());
    let tagged = |source: &Source| {
        Cache::builder(CacheSettings::default())
            .tags(|_: &String, _: &String| vec!["all".to_owned()])
            .second_level(Arc::clone(&store), Ttl::Bucket)
            .loading_with(source.clone(), Source::load)
            .unwrap()
    };
    let (one, two) = (tagged(&slow), tagged(&source));
    let old = tokio::spawn(async move { get(&one, "a").await });
    slow.began.notified().await;
    source.set(1);
    two.invalidate_tag("all").await.unwrap();
    // It stores the old value, under the epoch from before.
    slow.open();
    assert_eq!(old.await.unwrap().as_deref(), Some("a=0"));
    assert_eq!(get(&two, "a").await.as_deref(), Some("a=1"));
    assert_eq!(get(&tagged(&source), "a").await.as_deref(), Some("a=1"), "the second level has the new one");
    assert_eq!(source.loads(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_of_other_clients_and_expiries_are_invalidations() {
    let (_server, store) = private(BucketSettings::new("cache").key_ttl(true)).await;
    let store: Arc<dyn KeyValue> = Arc::new(store);
    let source = Source::default();
    let cache = Cache::builder(CacheSettings::default())
        .second_level(Arc::clone(&store), Ttl::After(SECOND))
        .feed(Arc::new(KeyValueFeed::of_second_level(Arc::clone(&store))))
        .loading_with(source.clone(), Source::load)
        .unwrap();
    eventually("it listens", || async { cache.stats().interruptions > 0 }).await;
    get(&cache, "a").await;
    source.set(1);
    eventually("the expiry of the second level is heard", || async {
        get(&cache, "a").await.as_deref() == Some("a=1")
    })
    .await;
    let key = store.all_keys(&KeyPattern::all()).await.unwrap().remove(0);
    store.set(&key, "\"b\"").await.unwrap();
    eventually("a write past the cache is heard", || async {
        get(&cache, "a").await.as_deref() == Some("b")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_that_falls_silent_is_noticed() {
    let server = NatsServer::private().await;
    let (proxy, direct) = (Proxy::to(server.url()).await, connect(server.url()).await);
    let bucket = BucketSettings::new("cache").key_ttl(true);
    let writer: Arc<dyn KeyValue> = Arc::new(open(&direct, bucket.clone()).await);
    let behind: Arc<dyn KeyValue> = Arc::new(open(&connect(proxy.url()).await, bucket).await);
    let source = Source::default();
    let (here, there) = (over(&source, &behind), over(&source, &writer));
    eventually("both listen", || async { here.stats().interruptions > 0 && there.stats().interruptions > 0 })
        .await;
    get(&here, "a").await;
    let before = here.stats().interruptions;
    // The connection stays open and carries nothing.
    proxy.set(Fault::Freeze(Direction::Both));
    source.set(1);
    there.invalidate(&"a".to_owned()).await.unwrap();
    eventually("the silence is noticed", || async { here.stats().interruptions > before }).await;
    assert_eq!(get(&here, "a").await.as_deref(), Some("a=1"), "the source is asked");
    proxy.set(Fault::None);
    get(&there, "a").await;
    source.set(2);
    there.invalidate(&"a".to_owned()).await.unwrap();
    eventually("it hears again", || async { get(&here, "a").await.as_deref() == Some("a=2") }).await;
}

/// A feed that notes what it is told.
#[derive(Default)]
struct Noted(Mutex<Vec<Invalidation>>);

#[async_trait]
impl InvalidationFeed for Noted {
    async fn publish(&self, invalidation: &Invalidation) -> Result<(), StoreError> {
        self.0.lock().unwrap().push(invalidation.clone());
        Ok(())
    }

    async fn subscribe(&self) -> Result<Box<dyn Invalidations>, StoreError> {
        Ok(Box::new(Silent))
    }
}

struct Silent;

#[async_trait]
impl Invalidations for Silent {
    async fn next(&mut self) -> Result<Invalidation, StoreError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn the_feed_hears_of_invalidations_while_the_second_level_is_away() {
    let memory = MemoryKeyValue::new(BucketSettings::new("cache").key_ttl(true)).unwrap();
    let (second, feed, source) = (Gated::new(Arc::new(memory)), Arc::<Noted>::default(), Source::default());
    let cache = Cache::builder(CacheSettings::default())
        .tags(|_: &String, _: &String| vec!["all".to_owned()])
        .second_level(Arc::<Gated>::clone(&second), Ttl::Bucket)
        .feed(Arc::<Noted>::clone(&feed))
        .loading_with(source.clone(), Source::load)
        .unwrap();
    eventually("it listens", || async { cache.stats().interruptions == 1 }).await;
    get(&cache, "a").await;
    second.set(Network::LosesAnswers);
    let key = Invalidation::Key { key: "a".to_owned(), revision: None };
    let tag = Invalidation::Tag { tag: "all".to_owned() };
    source.set(1);
    let failed = cache.invalidate(&"a".to_owned()).await;
    assert!(matches!(failed, Err(StoreError::Unconfirmed(_))), "{failed:?}");
    assert_eq!(*feed.0.lock().unwrap(), std::slice::from_ref(&key));
    assert_eq!(get(&cache, "a").await.as_deref(), Some("a=1"), "it is dropped here too");
    source.set(2);
    let failed = cache.invalidate_tag("all").await;
    assert!(matches!(failed, Err(StoreError::Unconfirmed(_))), "{failed:?}");
    assert_eq!(*feed.0.lock().unwrap(), [key, tag]);
    assert_eq!(get(&cache, "a").await.as_deref(), Some("a=2"));
}
