use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use redis::Pipeline;
use underpin_config::ByteSize;
use underpin_errors::{Health, HealthCheck};

use super::connection::{RedisConnection, Request};
use super::key_list::{RedisKeyList, Scan};
use super::scripts::WRITE;
use crate::{
    BucketSettings, BucketStatus, Entry, Expect, Key, KeyList, KeyPattern, KeyValue, Operation, Read,
    Revision, StoreError, Ttl, Watch, WatchOptions, meters, spans,
};

/// The largest value of a server with default settings.
const LARGEST: u64 = 512 << 20;

/// A bucket in Redis or Valkey. Clones share its connection.
///
/// [`RedisStore::key_value`](crate::RedisStore::key_value) opens it; there it says what differs from other backends.
#[derive(Clone)]
pub struct RedisKeyValue(Arc<RedisBucket>);

struct RedisBucket {
    connection: RedisConnection,
    settings: BucketSettings,
    /// `<prefix>:{<bucket>}`: the hash tag keeps a bucket on one node of a cluster behind a proxy.
    prefix: String,
}

/// The fields of a value or a removal: content, revision, time.
type Fields = (Option<Bytes>, Option<u64>, Option<u64>);

impl RedisKeyValue {
    pub(super) fn new(connection: RedisConnection, settings: BucketSettings) -> Self {
        let prefix = format!("{}:{{{}}}", connection.prefix(), settings.name);
        Self(Arc::new(RedisBucket { connection, settings, prefix }))
    }

    /// The settings that the bucket was opened with.
    pub fn settings(&self) -> &BucketSettings {
        &self.0.settings
    }

    async fn measured<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let mut span = spans::operation("redis", &self.0.settings.name, operation);
        let began = Instant::now();
        let result = work.await;
        meters::operation(&self.0.settings.name, operation, began, &result);
        spans::ended(&mut span, result.as_ref().err());
        result
    }
}

impl RedisBucket {
    /// The key of a value.
    fn value(&self, key: &Key) -> String {
        format!("{}:k:{key}", self.prefix)
    }

    /// The key of a removal.
    fn removal(&self, key: &Key) -> String {
        format!("{}:d:{key}", self.prefix)
    }

    fn revision(&self) -> String {
        format!("{}:r", self.prefix)
    }

    async fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.value(key)).arg(&["v", "r", "t"]);
        let found: Fields = self.connection.read("get", Request::Command(&command)).await?;
        let Some((value, revision, written)) = complete(found) else { return Ok(None) };
        Ok(Some(Entry::new(key.clone(), value, revision, written)))
    }

    /// The last write of a key.
    async fn last(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let mut both = Pipeline::new();
        both.atomic();
        both.cmd("HMGET").arg(self.value(key)).arg(&["v", "r", "t"]);
        both.cmd("HMGET").arg(self.removal(key)).arg(&["o", "r", "t"]);
        let (value, removal): (Fields, Fields) =
            self.connection.read("history", Request::Pipeline(&both)).await?;
        if let Some((value, revision, written)) = complete(value) {
            return Ok(Some(Entry::new(key.clone(), value, revision, written)));
        }
        Ok(complete(removal).map(|(operation, revision, written)| {
            let operation = if operation == PURGE { Operation::Purge } else { Operation::Delete };
            Entry::removed(key.clone(), operation, revision, written)
        }))
    }

    async fn put(&self, key: &Key, value: Bytes, expect: Expect, ttl: Ttl) -> Result<Revision, StoreError> {
        let limit = self.settings.max_value_size.map_or(LARGEST, ByteSize::bytes);
        if value.len() as u64 > limit {
            let limit = usize::try_from(limit).ok();
            return Err(StoreError::TooLarge { size: value.len(), limit });
        }
        let ttl = self.settings.whole_seconds(ttl)?.map(Duration::from_secs);
        let ttl = [ttl, self.settings.ttl].into_iter().flatten().min();
        self.write("put", key, expect, ("v", &value), ttl).await
    }

    async fn remove(
        &self,
        key: &Key,
        operation: &'static str,
        content: &str,
        expect: Expect,
    ) -> Result<(), StoreError> {
        if expect == Expect::Absent {
            return Err(StoreError::option("expect", "must not be `Absent` for a removal"));
        }
        let kept = Some(self.settings.marker_ttl);
        self.write(operation, key, expect, ("o", content.as_bytes()), kept).await.map(drop)
    }

    async fn write(
        &self,
        operation: &'static str,
        key: &Key,
        expect: Expect,
        (field, content): (&str, &[u8]),
        ttl: Option<Duration>,
    ) -> Result<Revision, StoreError> {
        let (expected, revision) = match expect {
            Expect::Anything => ("anything", 0),
            Expect::Absent => ("absent", 0),
            Expect::Revision(revision) => ("revision", revision.get()),
        };
        let millis = ttl.map_or(0, |ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
        let mut script = WRITE.key(self.value(key));
        script.key(self.removal(key)).key(self.revision());
        script.arg(expected).arg(revision).arg(field).arg(content).arg(millis);
        let (written, last): (bool, u64) = self.connection.write(operation, Request::Script(&script)).await?;
        let last = Some(Revision::new(last)).filter(|last| last.get() > 0);
        match (written, expect) {
            (true, _) => Ok(last.unwrap_or_default()),
            (false, Expect::Absent) => Err(StoreError::Exists { revision: last }),
            (false, _) => Err(StoreError::Conflict { current: last }),
        }
    }

    async fn status(&self) -> Result<BucketStatus, StoreError> {
        let (mut entries, mut bytes) = (0, 0);
        for kind in ["k", "d"] {
            let mut scan = Scan::new(self.connection.clone(), format!("{}:{kind}:", self.prefix), "");
            while let Some(page) = scan.page().await? {
                let mut sizes = Pipeline::new();
                for key in &page {
                    sizes.cmd("HSTRLEN").arg(key).arg("v");
                }
                if !page.is_empty() {
                    let sizes: Vec<u64> = self.connection.read("status", Request::Pipeline(&sizes)).await?;
                    entries += sizes.len() as u64;
                    bytes += sizes.iter().sum::<u64>();
                }
            }
        }
        let mut last = redis::cmd("GET");
        last.arg(self.revision());
        let last: Option<u64> = self.connection.read("status", Request::Command(&last)).await?;
        Ok(BucketStatus {
            bucket: self.settings.name.clone(),
            entries,
            bytes,
            history: 1,
            ttl: self.settings.ttl,
            key_ttl: self.settings.key_ttl,
            replicas: 1,
            last: Revision::new(last.unwrap_or(0)),
        })
    }
}

const DELETE: &str = "delete";
const PURGE: &str = "purge";

fn complete(fields: Fields) -> Option<(Bytes, Revision, SystemTime)> {
    let (content, revision, millis) = fields;
    let written = SystemTime::UNIX_EPOCH + Duration::from_millis(millis?);
    Some((content?, Revision::new(revision?), written))
}

#[async_trait]
impl HealthCheck for RedisKeyValue {
    fn name(&self) -> &str {
        "store"
    }

    async fn check(&self) -> Health {
        self.0.connection.check().await.detail("bucket", self.0.settings.name.clone())
    }
}

#[async_trait]
impl KeyValue for RedisKeyValue {
    /// The primary answers both kinds of reads.
    async fn get(&self, key: &Key, _read: Read) -> Result<Option<Entry>, StoreError> {
        self.measured("get", self.0.get(key)).await
    }

    async fn put(&self, key: &Key, value: Bytes, expect: Expect, ttl: Ttl) -> Result<Revision, StoreError> {
        self.measured("put", self.0.put(key, value, expect, ttl)).await
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<(), StoreError> {
        self.measured(DELETE, self.0.remove(key, DELETE, DELETE, expect)).await
    }

    async fn purge(&self, key: &Key, expect: Expect) -> Result<(), StoreError> {
        self.measured(PURGE, self.0.remove(key, PURGE, PURGE, expect)).await
    }

    /// The last write.
    async fn history(&self, key: &Key) -> Result<Vec<Entry>, StoreError> {
        Ok(self.measured("history", self.0.last(key)).await?.into_iter().collect())
    }

    async fn keys(&self, pattern: &KeyPattern) -> Result<Box<dyn KeyList>, StoreError> {
        let prefix = format!("{}:k:", self.0.prefix);
        Ok(Box::new(RedisKeyList::new(self.0.connection.clone(), prefix, pattern.clone())))
    }

    async fn watch(&self, _options: WatchOptions) -> Result<Box<dyn Watch>, StoreError> {
        Err(StoreError::Unsupported { feature: "watches: Redis drops notifications while a client is away" })
    }

    /// None: the server forgets a removal after `marker_ttl`.
    async fn forget_removals(&self, _older_than: Duration) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn status(&self) -> Result<BucketStatus, StoreError> {
        self.measured("status", self.0.status()).await
    }
}

impl fmt::Debug for RedisKeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisKeyValue").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
