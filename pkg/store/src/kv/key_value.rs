use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use underpin_errors::HealthCheck;

use crate::{BucketStatus, Entry, Expect, Key, KeyPattern, Read, Revision, StoreError, Ttl, WatchOptions};

/// A bucket of entries that are written one by one, compared and set, expire, and can be watched.
///
/// [`KeyValueExt`](crate::KeyValueExt) has the conveniences: `set`, `create`, `update`, JSON, `modify`.
///
/// **Ordering:** writes of one bucket have one order, that of their revisions. **Retries:** an implementation repeats a read, and a
/// conditional write whose repetition it can distinguish from another writer's; else none. **Time:** every call ends by the backend's
/// request timeout or a small multiple of it.
#[async_trait]
pub trait KeyValue: HealthCheck + Send + Sync + 'static {
    /// The value of a key; none when it is absent, removed or expired.
    ///
    /// # Errors
    /// [`StoreError::NoBucket`], and those of the connection.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn get(&self, key: &Key, read: Read) -> Result<Option<Entry>, StoreError>;

    /// Writes a value if the key is as expected.
    ///
    /// Idempotency: with [`Expect::Absent`] and [`Expect::Revision`] one of many identical calls writes.
    ///
    /// # Errors
    /// [`StoreError::Exists`] and [`StoreError::Conflict`] when the key is not as expected, [`StoreError::TooLarge`],
    /// [`StoreError::Full`], [`StoreError::InvalidOption`] for a time to live that the bucket cannot give,
    /// [`StoreError::Unconfirmed`] when the write may have happened, and those of [`get`](Self::get).
    ///
    /// # Cancel safety
    /// The value may be written.
    async fn put(&self, key: &Key, value: Bytes, expect: Expect, ttl: Ttl) -> Result<Revision, StoreError>;

    /// Removes the value if the key is as expected; an absent key is no error. The history stays.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`] for [`Expect::Absent`], else those of [`put`](Self::put).
    ///
    /// # Cancel safety
    /// The value may be removed.
    async fn delete(&self, key: &Key, expect: Expect) -> Result<(), StoreError>;

    /// Removes the value and the history of a key. In JetStream it is a [`delete`](Self::delete) where the bucket has
    /// [`key_ttl`](crate::BucketSettings::key_ttl), and so keeps no history.
    ///
    /// # Errors
    /// Those of [`delete`](Self::delete).
    ///
    /// # Cancel safety
    /// The value may be removed.
    async fn purge(&self, key: &Key, expect: Expect) -> Result<(), StoreError>;

    /// The writes of a key that the bucket still has, oldest first, removals included.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn history(&self, key: &Key) -> Result<Vec<Entry>, StoreError>;

    /// Lists keys that have a value, in no order and without their values. A key that is written meanwhile may be listed twice.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn keys(&self, pattern: &KeyPattern) -> Result<Box<dyn KeyList>, StoreError>;

    /// Watches keys.
    ///
    /// # Errors
    /// [`StoreError::Unsupported`] by a backend without, and those of [`get`](Self::get).
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn watch(&self, options: WatchOptions) -> Result<Box<dyn Watch>, StoreError>;

    /// Forgets removals that are older than this, so that they do not pile up. Returns how many. Watches that were interrupted for
    /// longer get a [`WatchEvent::Reset`] as long as `older_than` is at least 30 minutes.
    ///
    /// Buckets with [`key_ttl`](crate::BucketSettings::key_ttl) forget them by themselves. In others with files, a server that is killed may
    /// bring back a value whose removal was forgotten (nats-server 8505).
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    ///
    /// # Cancel safety
    /// Some may be forgotten.
    async fn forget_removals(&self, older_than: Duration) -> Result<u64, StoreError>;

    /// What the bucket is and holds, asked from the server.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn status(&self) -> Result<BucketStatus, StoreError>;
}

const _: fn(&dyn KeyValue) = |_| ();

/// Keys, one after the other.
#[async_trait]
pub trait KeyList: Send {
    /// The next key; none at the end.
    ///
    /// # Errors
    /// Those of [`KeyValue::get`]. The list is incomplete then.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn next(&mut self) -> Result<Option<Key>, StoreError>;
}

const _: fn(&dyn KeyList) = |_| ();

/// The changes of a bucket, in the order of their revisions, each once. Dropped, it ends.
///
/// It goes on after a lost connection, a restart of the server and a lost consumer. A slow reader misses earlier values of a key at
/// most, never the last one.
#[async_trait]
pub trait Watch: Send {
    /// The next event. It waits as long as nothing changes.
    ///
    /// # Errors
    /// [`StoreError::NoBucket`] when the bucket was deleted, [`StoreError::Closed`], [`StoreError::Unauthorized`]: another call
    /// tries again. A server that is away is no error: see [`health`](Self::health).
    ///
    /// # Cancel safety
    /// Cancel safe: no event is lost.
    async fn next(&mut self) -> Result<WatchEvent, StoreError>;

    /// Whether events arrive at the moment.
    fn health(&self) -> Arc<dyn HealthCheck>;
}

const _: fn(&dyn Watch) = |_| ();

/// An event of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchEvent {
    /// A write.
    Changed(Entry),
    /// Everything that was there at the start, or at the last [`Reset`](Self::Reset), has been delivered; also when there was nothing.
    Current,
    /// The watch was interrupted for longer than the bucket remembers removals. Drop what you know: the state follows, then
    /// [`Current`](Self::Current).
    Reset,
}
