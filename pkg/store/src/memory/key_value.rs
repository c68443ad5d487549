use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use underpin_errors::{Health, HealthCheck};
use underpin_journal::{Journal, JournalError, JournalSettings};
use underpin_logger::Logger;

use super::bucket::Bucket;
use super::shared::Shared;
use super::watch::MemoryWatch;
use crate::{
    BucketSettings, BucketStatus, Entry, Expect, Key, KeyList, KeyPattern, KeyValue, Operation, Read,
    Revision, StoreError, Ttl, Watch, WatchOptions,
};

/// A bucket in the memory of this process. Clones share it.
///
/// It passes the same suite as the server backends: revisions, history, time to live, watches. Time is tokio's, so that a test with
/// paused time can let entries expire.
///
/// # Examples
/// ```
/// use underpin_store::{BucketSettings, KeyValueExt, MemoryKeyValue};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), underpin_store::StoreError> {
/// let store = MemoryKeyValue::new(BucketSettings::new("carts"))?;
/// store.set("tenant-7.cart", "tea").await?;
/// assert_eq!(store.read("tenant-7.cart").await?.unwrap().value, "tea");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct MemoryKeyValue(Arc<Shared>);

impl MemoryKeyValue {
    /// An empty bucket. `storage` and `replicas` mean nothing here; values are at most 1 MiB unless set otherwise.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`] for settings that no backend takes.
    pub fn new(settings: BucketSettings) -> Result<Self, StoreError> {
        settings.check()?;
        Ok(Self(Arc::new(Shared::new(Bucket::new(settings)))))
    }

    /// A bucket whose writes survive the end of the process, also by `kill -9`: they are appended to a journal, from which this reads
    /// them back. It reads the whole file, and blocks meanwhile.
    ///
    /// The settings may have changed since. Times to live go on while no process runs.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`]; [`StoreError::Backend`] when the journal cannot be opened, is open in another process, or is damaged
    /// elsewhere than in its last record.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use underpin_journal::JournalSettings;
    /// use underpin_logger::NoopLogger;
    /// use underpin_store::{BucketSettings, KeyValueExt, MemoryKeyValue};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), underpin_store::StoreError> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// let journal = JournalSettings::new(folder.path().join("carts"));
    /// let open = || MemoryKeyValue::open(BucketSettings::new("carts"), &journal, Arc::new(NoopLogger));
    /// open()?.set("tenant-7.cart", "tea").await?;
    /// assert_eq!(open()?.read("tenant-7.cart").await?.unwrap().value, "tea");
    /// # Ok(()) }
    /// ```
    pub fn open(
        settings: BucketSettings,
        journal: &JournalSettings,
        log: Arc<dyn Logger>,
    ) -> Result<Self, StoreError> {
        settings.check()?;
        let mut bucket = Bucket::new(settings);
        let journal = Journal::open(journal, log, |record| bucket.restore(record));
        let failed =
            |error: JournalError| StoreError::Backend { operation: "open the journal", source: error.into() };
        bucket.journal = Some(journal.map_err(failed)?);
        Ok(Self(Arc::new(Shared::new(bucket))))
    }

    /// Waits until the journal, if there is one, is on the disk.
    ///
    /// # Errors
    /// [`StoreError::Unconfirmed`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.0.sync(true).await
    }

    /// Removes the writes of a key without a trace, if this is still the last one: watches do not see it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Unconfirmed`] when the journal fails.
    ///
    /// # Cancel safety
    /// They may be removed.
    pub async fn forget(&self, key: &Key, revision: Revision) -> Result<(), StoreError> {
        self.write(|bucket| bucket.forget_last(key, revision)).await
    }

    /// Runs a write, wakes the watches if it wrote, and waits until it counts as stored.
    async fn write<T>(
        &self,
        write: impl FnOnce(&mut Bucket) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let (written, last) = {
            let mut bucket = self.0.bucket();
            (write(&mut bucket)?, bucket.last())
        };
        if self.0.changed.receiver_count() > 0 {
            self.0.changed.send_replace(last);
        }
        self.0.sync(false).await?;
        Ok(written)
    }
}

#[async_trait]
impl HealthCheck for MemoryKeyValue {
    fn name(&self) -> &str {
        "store"
    }

    async fn check(&self) -> Health {
        let mut bucket = self.0.bucket();
        let failed = bucket.journal.as_ref().is_some_and(Journal::has_failed);
        let (status, health) =
            (bucket.status(), if failed { Health::down("the journal failed") } else { Health::up() });
        health.detail("bucket", status.bucket).detail("entries", status.entries)
    }
}

#[async_trait]
impl KeyValue for MemoryKeyValue {
    async fn get(&self, key: &Key, _read: Read) -> Result<Option<Entry>, StoreError> {
        Ok(self.0.bucket().get(key))
    }

    async fn put(&self, key: &Key, value: Bytes, expect: Expect, ttl: Ttl) -> Result<Revision, StoreError> {
        self.write(|bucket| bucket.put(key, value, expect, ttl)).await
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<(), StoreError> {
        self.write(|bucket| bucket.remove(key, Operation::Delete, expect)).await
    }

    async fn purge(&self, key: &Key, expect: Expect) -> Result<(), StoreError> {
        self.write(|bucket| bucket.remove(key, Operation::Purge, expect)).await
    }

    async fn history(&self, key: &Key) -> Result<Vec<Entry>, StoreError> {
        Ok(self.0.bucket().history(key))
    }

    async fn keys(&self, pattern: &KeyPattern) -> Result<Box<dyn KeyList>, StoreError> {
        Ok(Box::new(ListedKeys(self.0.bucket().live(pattern).into_iter())))
    }

    async fn watch(&self, options: WatchOptions) -> Result<Box<dyn Watch>, StoreError> {
        Ok(Box::new(MemoryWatch::new(Arc::clone(&self.0), options)))
    }

    async fn forget_removals(&self, older_than: Duration) -> Result<u64, StoreError> {
        self.write(|bucket| bucket.forget_removals(older_than)).await
    }

    async fn status(&self) -> Result<BucketStatus, StoreError> {
        Ok(self.0.bucket().status())
    }
}

struct ListedKeys(std::vec::IntoIter<Key>);

#[async_trait]
impl KeyList for ListedKeys {
    async fn next(&mut self) -> Result<Option<Key>, StoreError> {
        Ok(self.0.next())
    }
}

impl fmt::Debug for MemoryKeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryKeyValue").field("status", &self.0.bucket().status()).finish()
    }
}
