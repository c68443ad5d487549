//! State that the instances of a service share: key-value buckets over JetStream with an in-memory twin, and on them locks, sessions,
//! rate limits and a cache.
//!
//! ```
//! use std::sync::Arc;
//! use underpin_store::{BucketSettings, KeyValue, KeyValueExt, MemoryKeyValue, Ttl, WatchEvent, WatchOptions};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), underpin_store::StoreError> {
//! let store: Arc<dyn KeyValue> = Arc::new(MemoryKeyValue::new(BucketSettings::new("carts"))?);
//! let mut watch = store.watch(WatchOptions::all()).await?;
//! assert_eq!(watch.next().await?, WatchEvent::Current);
//!
//! let revision = store.create("tenant-7.cart", "tea", Ttl::Bucket).await?;
//! store.update("tenant-7.cart", "tea, milk", revision).await?;
//! // It has changed since: the write is refused.
//! assert!(store.update("tenant-7.cart", "coffee", revision).await.unwrap_err().is_conflict());
//! assert!(matches!(watch.next().await?, WatchEvent::Changed(entry) if entry.value == "tea, milk"));
//! # Ok(()) }
//! ```
//!
//! * [`KeyValue`], [`KeyValueExt`]: get, put, compare and set, time to live for each key, history, lists, watches.
//! * [`MemoryKeyValue`], [`JetStreamKeyValue`], `RedisKeyValue`: the backends. [`JetStreamStore`] creates and verifies buckets.
//! * [`Namespace`]: a part of a bucket. [`StoredValue`]: values with a version.
//! * [`Locks`]: leases with fencing tokens. [`Sessions`]: state behind a secret id. [`RateLimiter`]: a sliding window for each key.
//! * [`Cache`]: one load at a time for each key, a second level, and a feed of invalidations.
//! * [`conformance`]: the suite that every backend passes. [`testing`]: mocks.
//!
//! Objects of any size are in the crate `underpin-objects`.

mod cache;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
#[cfg(feature = "jetstream")]
mod jetstream;
mod kv;
mod limit;
mod lock;
mod memory;
mod meters;
mod random;
#[cfg(feature = "redis")]
mod redis;
mod session;
mod settings;
mod spans;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "redis")]
pub use self::redis::{RedisConnection, RedisKeyValue, RedisRateLimiter, RedisSettings, RedisStore};
pub use cache::{
    Cache, CacheBuilder, CacheSettings, CacheStats, Invalidation, InvalidationFeed, Invalidations,
    KeyValueFeed,
};
pub use error::StoreError;
#[cfg(feature = "jetstream")]
pub use jetstream::{BucketLayout, JetStreamKeyValue, JetStreamStore};
pub use kv::{
    AsKey, BucketSettings, BucketStatus, Entry, Expect, Key, KeyList, KeyPattern, KeyValue, KeyValueExt,
    Namespace, Operation, Read, Removals, Revision, Storage, StoredValue, StoredValueExt, Ttl, Values, Watch,
    WatchEvent, WatchOptions, WatchStart,
};
pub use limit::{KeyValueRateLimiter, MemoryRateLimiter, OnLimiterFailure, Quota, RateDecision, RateLimiter};
#[cfg(feature = "tower")]
pub use limit::{
    LimitReport, RateLimit, RateLimitLayer, Refuse, RefuseHttp, RefuseWithError, client_network,
};
pub use lock::{KeyValueLocks, Lease, Locks};
pub use memory::MemoryKeyValue;
pub use meters::describe_metrics;
#[cfg(feature = "tower-sessions")]
pub use session::TowerSessionStore;
pub use session::{KeyValueSessions, Session, SessionId, SessionLife, Sessions};
pub use settings::{StoreSettings, StoreTopology};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
