//! What needs no server: the bucket in memory, hits of the cache, and the limiter with two threads.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Runtime;
use underpin_benches::Comparison;
use underpin_store::{
    BucketSettings, Cache, CacheSettings, Expect, Key, KeyValue, MemoryKeyValue, MemoryRateLimiter, Quota,
    RateLimiter, Read, Ttl,
};

use crate::network::{VALUE, check};

const KEYS: u64 = 1000;

pub(crate) fn memory(runtime: &Runtime) -> Result<(), Box<dyn Error>> {
    let store = MemoryKeyValue::new(BucketSettings::new("bench"))?;
    let keys: Vec<Key> =
        (0..KEYS).map(|number| Key::new(&format!("a.{number}"))).collect::<Result<_, _>>()?;
    let map = RwLock::new(HashMap::<Key, Bytes>::new());
    for key in &keys {
        runtime.block_on(store.put(key, VALUE, Expect::Anything, Ttl::Bucket))?;
        check(map.write()).insert(key.clone(), VALUE);
    }
    Comparison::new("get of a bucket in memory, one thread", "get")
        .timed("RwLock<HashMap>", |times| {
            let start = Instant::now();
            for key in keys.iter().cycle().take(take(times)) {
                std::hint::black_box(check(map.read()).get(key).cloned());
            }
            start.elapsed()
        })
        .timed("underpin", |times| {
            runtime.block_on(async {
                let start = Instant::now();
                for key in keys.iter().cycle().take(take(times)) {
                    std::hint::black_box(check(store.get(key, Read::Latest).await));
                }
                start.elapsed()
            })
        })
        .print();
    Ok(())
}

pub(crate) fn cache(runtime: &Runtime) -> Result<(), Box<dyn Error>> {
    let bare = moka::future::Cache::<u64, Arc<str>>::builder()
        .max_capacity(10_000)
        .time_to_live(Duration::from_secs(3600))
        .build();
    let settings = CacheSettings::default().ttl(Duration::from_secs(3600)).jitter_percent(0);
    let ours = Cache::<u64, Arc<str>>::builder(settings).loading(|_| async { Ok(Some("value".into())) })?;
    for key in 0..KEYS {
        runtime.block_on(bare.insert(key, "value".into()));
        runtime.block_on(ours.get(&key))?;
    }
    Comparison::new("hit of a cache, one thread", "get")
        .timed("moka with a time to live", |times| {
            runtime.block_on(async {
                let start = Instant::now();
                for number in 0..times {
                    std::hint::black_box(bare.get(&(number % KEYS)).await);
                }
                start.elapsed()
            })
        })
        .timed("underpin", |times| {
            runtime.block_on(async {
                let start = Instant::now();
                for number in 0..times {
                    std::hint::black_box(check(ours.get(&(number % KEYS)).await));
                }
                start.elapsed()
            })
        })
        .print();
    Ok(())
}

pub(crate) fn limiter(runtime: &Runtime) {
    let limiter = MemoryRateLimiter::new(10_000);
    let quota = Quota::new(1_000_000, Duration::from_secs(1));
    let keys: Vec<String> = (0..KEYS).map(|number| format!("203.0.113.{number}")).collect();
    let threads = |count: u64| {
        let (limiter, quota, keys) = (&limiter, &quota, &keys);
        move |times: u64| {
            let start = Instant::now();
            std::thread::scope(|scope| {
                for _ in 0..count {
                    scope.spawn(|| {
                        runtime.block_on(async {
                            for key in keys.iter().cycle().take(take(times / count)) {
                                std::hint::black_box(check(limiter.take(key, 1, quota).await));
                            }
                        });
                    });
                }
            });
            // What one call takes in its thread.
            start.elapsed() * u32::try_from(count).unwrap_or(1)
        }
    };
    Comparison::new("take of the limiter in memory, 1,000 keys", "take")
        .timed("one thread", threads(1))
        .timed("two threads", threads(2))
        .print();
}

fn take(times: u64) -> usize {
    usize::try_from(times).unwrap_or(usize::MAX)
}
