//! Redis as the second level of a cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use underpin_errors::Error;
use underpin_store::{BucketSettings, Cache, CacheSettings, KeyValue, RedisKeyValue, Storage, Ttl};

use super::private;

const TTL: Ttl = Ttl::After(Duration::from_secs(600));

fn bucket() -> BucketSettings {
    BucketSettings::new("prices").key_ttl(true).storage(Storage::Memory)
}

fn shared(store: &RedisKeyValue) -> Arc<dyn KeyValue> {
    Arc::new(store.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_load_once_and_an_invalidation_reaches_the_second_level() {
    let (_server, store) = private(bucket()).await;
    let loads = Arc::new(AtomicUsize::new(0));
    let cache = || {
        let loads = Arc::clone(&loads);
        Cache::<String, usize>::builder(CacheSettings::default())
            .second_level(shared(&store), TTL)
            .loading(move |_| {
                let loads = Arc::clone(&loads);
                async move { Ok::<_, Error>(Some(loads.fetch_add(1, Ordering::SeqCst))) }
            })
            .unwrap()
    };
    let (one, two) = (cache(), cache());
    assert_eq!(one.get(&"tea".to_owned()).await.unwrap(), Some(0));
    assert_eq!(two.get(&"tea".to_owned()).await.unwrap(), Some(0));
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    one.invalidate(&"tea".to_owned()).await.unwrap();
    assert_eq!(one.get(&"tea".to_owned()).await.unwrap(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_loaded_before_an_invalidation_is_not_stored_after_it() {
    let (_server, store) = private(bucket()).await;
    let (loading, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = Cache::<String, String>::builder(CacheSettings::default())
        .second_level(shared(&store), TTL)
        .loading({
            let (loading, go_on) = (Arc::clone(&loading), Arc::clone(&go_on));
            move |_| {
                let (loading, go_on) = (Arc::clone(&loading), Arc::clone(&go_on));
                async move {
                    loading.notify_one();
                    go_on.notified().await;
                    Ok::<_, Error>(Some("old".to_owned()))
                }
            }
        })
        .unwrap();
    let other = Cache::<String, String>::builder(CacheSettings::default())
        .second_level(shared(&store), TTL)
        .loading(|_| async { Ok::<_, Error>(Some("new".to_owned())) })
        .unwrap();
    let began = tokio::spawn({
        let slow = slow.clone();
        async move { slow.get(&"tea".to_owned()).await }
    });
    loading.notified().await;
    other.invalidate(&"tea".to_owned()).await.unwrap();
    go_on.notify_one();
    began.await.unwrap().unwrap();
    assert_eq!(other.get(&"tea".to_owned()).await.unwrap(), Some("new".to_owned()));
}
