use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use underpin_errors::{Health, HealthCheck};

use crate::{
    BucketStatus, Entry, Expect, Key, KeyList, KeyPattern, KeyValue, Read, Revision, StoreError, Ttl, Watch,
    WatchEvent, WatchOptions,
};

/// The part of a bucket below a prefix: for a service or a tenant that shares it with others.
///
/// Its keys are those of the bucket without the prefix. Revisions, the status and `forget_removals` are those of the whole bucket.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use underpin_store::{BucketSettings, Key, KeyPattern, KeyValueExt, MemoryKeyValue, Namespace};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), underpin_store::StoreError> {
/// let bucket = Arc::new(MemoryKeyValue::new(BucketSettings::new("shared"))?);
/// let tenant = Namespace::new(bucket.clone(), Key::new("tenant-7")?);
/// tenant.set("cart", "tea").await?;
/// assert_eq!(bucket.read("tenant-7.cart").await?.unwrap().value, "tea");
/// assert_eq!(tenant.all_keys(&KeyPattern::all()).await?, [Key::new("cart")?]);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Namespace {
    store: Arc<dyn KeyValue>,
    prefix: Key,
}

impl Namespace {
    /// What is below a prefix. Namespaces may lie in each other.
    pub fn new(store: Arc<dyn KeyValue>, prefix: Key) -> Self {
        Self { store, prefix }
    }

    fn pattern(&self, pattern: &KeyPattern) -> Result<KeyPattern, StoreError> {
        KeyPattern::new(&format!("{}.{pattern}", self.prefix))
    }
}

/// Removes a prefix from keys.
struct Stripped<I: ?Sized> {
    prefix: Key,
    inner: Box<I>,
}

fn strip(prefix: &Key, key: &Key) -> Option<Key> {
    Key::new(key.as_str().strip_prefix(prefix.as_str())?.strip_prefix('.')?).ok()
}

fn stripped(prefix: &Key, entry: Entry) -> Option<Entry> {
    Some(Entry { key: strip(prefix, &entry.key)?, ..entry })
}

#[async_trait]
impl KeyList for Stripped<dyn KeyList> {
    async fn next(&mut self) -> Result<Option<Key>, StoreError> {
        while let Some(key) = self.inner.next().await? {
            if let Some(key) = strip(&self.prefix, &key) {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl Watch for Stripped<dyn Watch> {
    async fn next(&mut self) -> Result<WatchEvent, StoreError> {
        loop {
            match self.inner.next().await? {
                WatchEvent::Changed(entry) => {
                    if let Some(entry) = stripped(&self.prefix, entry) {
                        return Ok(WatchEvent::Changed(entry));
                    }
                }
                other => return Ok(other),
            }
        }
    }

    fn health(&self) -> Arc<dyn HealthCheck> {
        self.inner.health()
    }
}

#[async_trait]
impl HealthCheck for Namespace {
    fn name(&self) -> &str {
        self.store.name()
    }

    async fn check(&self) -> Health {
        self.store.check().await
    }
}

#[async_trait]
impl KeyValue for Namespace {
    async fn get(&self, key: &Key, read: Read) -> Result<Option<Entry>, StoreError> {
        let found = self.store.get(&key.below(&self.prefix)?, read).await?;
        Ok(found.map(|entry| Entry { key: key.clone(), ..entry }))
    }

    async fn put(&self, key: &Key, value: Bytes, expect: Expect, ttl: Ttl) -> Result<Revision, StoreError> {
        self.store.put(&key.below(&self.prefix)?, value, expect, ttl).await
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<(), StoreError> {
        self.store.delete(&key.below(&self.prefix)?, expect).await
    }

    async fn purge(&self, key: &Key, expect: Expect) -> Result<(), StoreError> {
        self.store.purge(&key.below(&self.prefix)?, expect).await
    }

    async fn history(&self, key: &Key) -> Result<Vec<Entry>, StoreError> {
        let found = self.store.history(&key.below(&self.prefix)?).await?;
        Ok(found.into_iter().map(|entry| Entry { key: key.clone(), ..entry }).collect())
    }

    async fn keys(&self, pattern: &KeyPattern) -> Result<Box<dyn KeyList>, StoreError> {
        let inner = self.store.keys(&self.pattern(pattern)?).await?;
        Ok(Box::new(Stripped { prefix: self.prefix.clone(), inner }))
    }

    async fn watch(&self, options: WatchOptions) -> Result<Box<dyn Watch>, StoreError> {
        let patterns = match options.patterns.is_empty() {
            true => vec![self.pattern(&KeyPattern::all())?],
            false => options.patterns.iter().map(|one| self.pattern(one)).collect::<Result<_, _>>()?,
        };
        let inner = self.store.watch(WatchOptions { patterns, ..options }).await?;
        Ok(Box::new(Stripped { prefix: self.prefix.clone(), inner }))
    }

    async fn forget_removals(&self, older_than: Duration) -> Result<u64, StoreError> {
        self.store.forget_removals(older_than).await
    }

    async fn status(&self) -> Result<BucketStatus, StoreError> {
        self.store.status().await
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
