//! Mocks of the public traits. For behaviour rather than interaction use [`MemoryKeyValue`](crate::MemoryKeyValue).
//!
//! # Examples
//! ```
//! use std::sync::Arc;
//! use underpin_store::testing::MockKeyValue;
//! use underpin_store::{KeyValue, KeyValueExt, StoreError};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let mut mock = MockKeyValue::new();
//! mock.expect_get().once().returning(|_, _| Err(StoreError::Disconnected));
//! let store: Arc<dyn KeyValue> = Arc::new(mock);
//! assert!(store.read("a").await.unwrap_err().is_retryable());
//! # }
//! ```
#![allow(
    missing_docs,
    clippy::missing_errors_doc,
    reason = "mockall writes these items; their traits are documented"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mockall::mock;
use underpin_errors::{Health, HealthCheck};

use crate::{
    BucketStatus, Entry, Expect, Invalidation, InvalidationFeed, Invalidations, Key, KeyList, KeyPattern,
    KeyValue, Lease, Locks, Quota, RateDecision, RateLimiter, Read, Revision, Session, SessionId,
    SessionLife, Sessions, StoreError, Ttl, Watch, WatchEvent, WatchOptions,
};

mock! {
    #[derive(Debug)]
    pub KeyValue {}

    #[async_trait]
    impl HealthCheck for KeyValue {
        fn name(&self) -> &str;
        async fn check(&self) -> Health;
    }

    #[async_trait]
    impl KeyValue for KeyValue {
        async fn get(&self, key: &Key, read: Read) -> Result<Option<Entry>, StoreError>;
        async fn put(&self, key: &Key, value: Bytes, expect: Expect, ttl: Ttl) -> Result<Revision, StoreError>;
        async fn delete(&self, key: &Key, expect: Expect) -> Result<(), StoreError>;
        async fn purge(&self, key: &Key, expect: Expect) -> Result<(), StoreError>;
        async fn history(&self, key: &Key) -> Result<Vec<Entry>, StoreError>;
        async fn keys(&self, pattern: &KeyPattern) -> Result<Box<dyn KeyList>, StoreError>;
        async fn watch(&self, options: WatchOptions) -> Result<Box<dyn Watch>, StoreError>;
        async fn forget_removals(&self, older_than: Duration) -> Result<u64, StoreError>;
        async fn status(&self) -> Result<BucketStatus, StoreError>;
    }
}

mock! {
    #[derive(Debug)]
    pub KeyList {}

    #[async_trait]
    impl KeyList for KeyList {
        async fn next(&mut self) -> Result<Option<Key>, StoreError>;
    }
}

mock! {
    #[derive(Debug)]
    pub Watch {}

    #[async_trait]
    impl Watch for Watch {
        async fn next(&mut self) -> Result<WatchEvent, StoreError>;
        fn health(&self) -> Arc<dyn HealthCheck>;
    }
}

mock! {
    #[derive(Debug)]
    pub Locks {}

    #[async_trait]
    impl Locks for Locks {
        async fn try_acquire(&self, name: &str, lease: Duration) -> Result<Option<Lease>, StoreError>;
        async fn acquire(&self, name: &str, lease: Duration, within: Duration) -> Result<Lease, StoreError>;
    }
}

mock! {
    #[derive(Debug)]
    pub Sessions {}

    #[async_trait]
    impl Sessions for Sessions {
        async fn create(&self, data: Bytes, life: SessionLife) -> Result<SessionId, StoreError>;
        async fn load(&self, id: &SessionId) -> Result<Option<Session>, StoreError>;
        async fn save(&self, id: &SessionId, data: Bytes, version: u64) -> Result<u64, StoreError>;
        async fn rotate(&self, id: &SessionId) -> Result<Option<SessionId>, StoreError>;
        async fn destroy(&self, id: &SessionId) -> Result<(), StoreError>;
    }
}

mock! {
    #[derive(Debug)]
    pub RateLimiter {}

    #[async_trait]
    impl RateLimiter for RateLimiter {
        async fn take(&self, key: &str, cost: u32, quota: &Quota) -> Result<RateDecision, StoreError>;
    }
}

mock! {
    #[derive(Debug)]
    pub InvalidationFeed {}

    #[async_trait]
    impl InvalidationFeed for InvalidationFeed {
        async fn publish(&self, invalidation: &Invalidation) -> Result<(), StoreError>;
        async fn subscribe(&self) -> Result<Box<dyn Invalidations>, StoreError>;
    }
}
