use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use underpin_errors::{Health, HealthCheck, Report};
use underpin_nats::jetstream::JetStreamApi;

use super::backend::{Backend, DELETE, PURGE};
use super::stream::BucketLayout;
use super::watch::JetStreamWatch;
use crate::{
    BucketSettings, BucketStatus, Entry, Expect, Key, KeyList, KeyPattern, KeyValue, Read, Revision,
    StoreError, Ttl, Watch, WatchEvent, WatchOptions, meters, spans,
};

/// A bucket in JetStream. Clones share its connection.
///
/// [`JetStreamStore::key_value`](crate::JetStreamStore::key_value) opens it. Other clients of NATS read and write the same bucket;
/// entries whose keys are not [`Key`]s are passed over.
#[derive(Clone)]
pub struct JetStreamKeyValue(Arc<Backend>);

impl JetStreamKeyValue {
    /// A bucket in a stream of this layout. Sends no request; whoever declares the stream creates it.
    pub fn with_layout(api: JetStreamApi, bucket: BucketSettings, layout: BucketLayout) -> Self {
        Self(Arc::new(Backend { api, bucket, layout }))
    }

    pub(super) fn new(api: JetStreamApi, bucket: BucketSettings) -> Self {
        let layout = BucketLayout::key_value(&bucket.name);
        Self::with_layout(api, bucket, layout)
    }

    /// Removes the writes of a key up to this one without a trace: watches do not see it. Later writes stay.
    ///
    /// # Errors
    /// Those of [`get`](KeyValue::get).
    ///
    /// # Cancel safety
    /// They may be removed.
    pub async fn forget(&self, key: &Key, revision: Revision) -> Result<(), StoreError> {
        self.measured("forget", self.0.forget(key, revision)).await
    }

    /// The settings that the bucket was opened with.
    pub fn settings(&self) -> &BucketSettings {
        &self.0.bucket
    }

    async fn measured<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let bucket = self.0.bucket.name.as_str();
        let mut span = spans::operation("nats", bucket, operation);
        let began = Instant::now();
        let result = work.await;
        meters::operation(bucket, operation, began, &result);
        spans::ended(&mut span, result.as_ref().err());
        result
    }
}

#[async_trait]
impl HealthCheck for JetStreamKeyValue {
    fn name(&self) -> &str {
        "store"
    }

    async fn check(&self) -> Health {
        let health = match self.0.info().await {
            Ok(info) => Health::up().detail("entries", info.state.messages).detail("bytes", info.state.bytes),
            Err(error) => Health::down(Report(&error).to_string()),
        };
        health.detail("bucket", self.0.bucket.name.clone())
    }
}

#[async_trait]
impl KeyValue for JetStreamKeyValue {
    async fn get(&self, key: &Key, read: Read) -> Result<Option<Entry>, StoreError> {
        let found = match read {
            Read::Latest => self.measured("get", self.0.last(key)).await?,
            Read::Any => self.measured("get", self.0.last_anywhere(key)).await?,
        };
        Ok(found.filter(Entry::is_put))
    }

    async fn put(&self, key: &Key, value: Bytes, expect: Expect, ttl: Ttl) -> Result<Revision, StoreError> {
        self.measured("put", self.0.put(key, value, expect, ttl)).await
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<(), StoreError> {
        self.measured("delete", self.0.remove(key, DELETE, expect)).await
    }

    async fn purge(&self, key: &Key, expect: Expect) -> Result<(), StoreError> {
        self.measured("purge", self.0.remove(key, PURGE, expect)).await
    }

    async fn history(&self, key: &Key) -> Result<Vec<Entry>, StoreError> {
        self.measured("history", self.0.history(key)).await
    }

    async fn keys(&self, pattern: &KeyPattern) -> Result<Box<dyn KeyList>, StoreError> {
        let options = WatchOptions::new(pattern.clone()).without_values().without_removals();
        let watch = JetStreamWatch::open(Arc::clone(&self.0), options);
        Ok(Box::new(WatchedKeys(Some(self.measured("keys", watch).await?))))
    }

    async fn watch(&self, options: WatchOptions) -> Result<Box<dyn Watch>, StoreError> {
        let watch = JetStreamWatch::open(Arc::clone(&self.0), options);
        Ok(Box::new(self.measured("watch", watch).await?))
    }

    async fn forget_removals(&self, older_than: Duration) -> Result<u64, StoreError> {
        let mut watch =
            JetStreamWatch::open(Arc::clone(&self.0), WatchOptions::all().without_values()).await?;
        let (now, mut forgotten) = (SystemTime::now(), 0);
        while let Some(event) = watch.next_within(self.0.api.connection().request_timeout()).await? {
            match event {
                WatchEvent::Current => break,
                WatchEvent::Changed(entry)
                    if !entry.is_put()
                        && now.duration_since(entry.written).is_ok_and(|age| age >= older_than) =>
                {
                    self.forget(&entry.key, entry.revision).await?;
                    forgotten += 1;
                }
                _ => {}
            }
        }
        Ok(forgotten)
    }

    async fn status(&self) -> Result<BucketStatus, StoreError> {
        let info = self.measured("status", self.0.info()).await?;
        Ok(BucketStatus {
            bucket: self.0.bucket.name.clone(),
            entries: info.state.messages,
            bytes: info.state.bytes,
            history: info.number("max_msgs_per_subject"),
            ttl: info.duration("max_age"),
            key_ttl: info.flag("allow_msg_ttl"),
            replicas: usize::try_from(info.number("num_replicas")).unwrap_or(1),
            last: Revision::new(info.state.last_seq),
        })
    }
}

/// Keys of a watch, up to the end of its initial state.
struct WatchedKeys(Option<JetStreamWatch>);

#[async_trait]
impl KeyList for WatchedKeys {
    async fn next(&mut self) -> Result<Option<Key>, StoreError> {
        while let Some(watch) = &mut self.0 {
            let within = watch.request_timeout();
            match watch.next_within(within).await? {
                Some(WatchEvent::Changed(entry)) => return Ok(Some(entry.key)),
                Some(WatchEvent::Reset) => {}
                Some(WatchEvent::Current) => self.0 = None,
                None => return Err(StoreError::Timeout { operation: "list keys", within }),
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for JetStreamKeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamKeyValue").field("bucket", &self.0.bucket).finish_non_exhaustive()
    }
}
