use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{AsKey, Entry, Expect, Key, KeyPattern, KeyValue, Read, Revision, StoreError, Ttl};

/// How often [`KeyValueExt::modify`] tries in all.
const ATTEMPTS: u32 = 20;
/// How many reads of [`KeyValueExt::read_many`] run at once.
const AT_ONCE: usize = 64;

/// Conveniences on every [`KeyValue`], trait objects included.
///
/// # Examples
/// ```
/// use underpin_store::{BucketSettings, KeyValueExt, MemoryKeyValue, StoreError, Ttl};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), StoreError> {
/// let store = MemoryKeyValue::new(BucketSettings::new("visits"))?;
/// let first = store.create("front", "1", Ttl::Bucket).await?;
/// assert!(store.create("front", "1", Ttl::Bucket).await.unwrap_err().is_conflict());
/// let second = store.update("front", "2", first).await?;
/// assert!(second > first);
/// assert_eq!(store.modify("front", |visits: Option<u64>| visits.unwrap_or(0) + 1).await?, 3);
/// # Ok(()) }
/// ```
pub trait KeyValueExt: KeyValue {
    /// The last value of a key, with its revision.
    ///
    /// # Errors
    /// Those of [`KeyValue::get`].
    fn read(&self, key: impl AsKey) -> impl Future<Output = Result<Option<Entry>, StoreError>> + Send {
        async move { self.get(key.as_key()?.as_ref(), Read::Latest).await }
    }

    /// The values of many keys, in their order; several reads run at once.
    ///
    /// # Errors
    /// Those of [`KeyValue::get`], of the first that fails.
    fn read_many<'a>(
        &'a self,
        keys: &'a [Key],
        read: Read,
    ) -> impl Future<Output = Result<Vec<Option<Entry>>, StoreError>> + Send + 'a {
        async move {
            let mut entries = Vec::with_capacity(keys.len());
            let mut reads = futures_util::stream::iter(0..keys.len())
                .map(|at| read_one(self, keys.get(at), read))
                .buffered(AT_ONCE);
            while let Some(entry) = reads.next().await {
                entries.push(entry?);
            }
            Ok(entries)
        }
    }

    /// Writes a value, whatever was there. A time to live of the old value ends.
    ///
    /// # Errors
    /// Those of [`KeyValue::put`].
    fn set(
        &self,
        key: impl AsKey,
        value: impl Into<Bytes> + Send,
    ) -> impl Future<Output = Result<Revision, StoreError>> + Send {
        async move { self.put(key.as_key()?.as_ref(), value.into(), Expect::Anything, Ttl::Bucket).await }
    }

    /// Writes a value if there is none.
    ///
    /// # Errors
    /// [`StoreError::Exists`], and those of [`KeyValue::put`].
    fn create(
        &self,
        key: impl AsKey,
        value: impl Into<Bytes> + Send,
        ttl: Ttl,
    ) -> impl Future<Output = Result<Revision, StoreError>> + Send {
        async move { self.put(key.as_key()?.as_ref(), value.into(), Expect::Absent, ttl).await }
    }

    /// Replaces the value of a revision. A time to live of the old value ends: to set it again, call [`KeyValue::put`] with
    /// [`Ttl::After`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`], and those of [`KeyValue::put`].
    fn update(
        &self,
        key: impl AsKey,
        value: impl Into<Bytes> + Send,
        revision: Revision,
    ) -> impl Future<Output = Result<Revision, StoreError>> + Send {
        async move {
            let expect = Expect::Revision(revision);
            self.put(key.as_key()?.as_ref(), value.into(), expect, Ttl::Bucket).await
        }
    }

    /// Removes a key, whatever was there.
    ///
    /// # Errors
    /// Those of [`KeyValue::delete`].
    fn remove(&self, key: impl AsKey) -> impl Future<Output = Result<(), StoreError>> + Send {
        async move { self.delete(key.as_key()?.as_ref(), Expect::Anything).await }
    }

    /// The keys of a pattern that have a value, sorted, each once. For buckets whose keys fit into memory.
    ///
    /// # Errors
    /// Those of [`KeyValue::keys`].
    fn all_keys(&self, pattern: &KeyPattern) -> impl Future<Output = Result<Vec<Key>, StoreError>> + Send {
        async move {
            let (mut list, mut keys) = (self.keys(pattern).await?, Vec::new());
            while let Some(key) = list.next().await? {
                keys.push(key);
            }
            keys.sort_unstable();
            keys.dedup();
            Ok(keys)
        }
    }

    /// The last value of a key as JSON, with its revision.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it is not what `T` reads, and those of [`KeyValue::get`].
    fn read_json<T: DeserializeOwned>(
        &self,
        key: impl AsKey,
    ) -> impl Future<Output = Result<Option<(T, Revision)>, StoreError>> + Send {
        async move {
            let Some(entry) = self.get(key.as_key()?.as_ref(), Read::Latest).await? else { return Ok(None) };
            let value =
                serde_json::from_slice(&entry.value).map_err(|error| StoreError::Corrupt(error.into()))?;
            Ok(Some((value, entry.revision)))
        }
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    /// [`StoreError::Encode`], and those of [`KeyValue::put`].
    fn put_json<T: Serialize + Sync>(
        &self,
        key: impl AsKey,
        value: &T,
        expect: Expect,
        ttl: Ttl,
    ) -> impl Future<Output = Result<Revision, StoreError>> + Send {
        async move {
            let bytes = serde_json::to_vec(value).map_err(|error| StoreError::Encode(error.into()))?;
            self.put(key.as_key()?.as_ref(), bytes.into(), expect, ttl).await
        }
    }

    /// Reads a JSON value, changes it, and writes it if it has not changed meanwhile; else starts again, up to 20 times
    /// with growing pauses. The closure may run several times. A time to live of the old value ends.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Exists`] when others won each time, [`StoreError::Unconfirmed`] when the change
    /// may have been written, and those of [`read_json`](Self::read_json).
    ///
    /// # Cancel safety
    /// The change may be written.
    fn modify<T>(
        &self,
        key: impl AsKey,
        mut change: impl FnMut(Option<T>) -> T + Send,
    ) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Serialize + DeserializeOwned + Send + Sync,
    {
        self.try_modify(key, move |old| Ok::<_, StoreError>(change(old)))
    }

    /// [`modify`](Self::modify) with a change that may fail; a failed change writes nothing.
    ///
    /// # Errors
    /// Those of the change, and those of [`modify`](Self::modify).
    ///
    /// # Cancel safety
    /// The change may be written.
    fn try_modify<T, E>(
        &self,
        key: impl AsKey,
        mut change: impl FnMut(Option<T>) -> Result<T, E> + Send,
    ) -> impl Future<Output = Result<T, E>> + Send
    where
        T: Serialize + DeserializeOwned + Send + Sync,
        E: From<StoreError> + Send,
    {
        async move {
            let key = key.as_key().map_err(E::from)?.into_owned();
            let mut attempt = 1;
            loop {
                let (old, expect) = match self.read_json::<T>(&key).await? {
                    Some((old, revision)) => (Some(old), Expect::Revision(revision)),
                    None => (None, Expect::Absent),
                };
                let new = change(old)?;
                match self.put_json(&key, &new, expect, Ttl::Bucket).await {
                    Ok(_) => return Ok(new),
                    Err(error) if error.is_conflict() && attempt < ATTEMPTS => {
                        tokio::time::sleep(pause(attempt)).await;
                        attempt += 1;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}

impl<K: KeyValue + ?Sized> KeyValueExt for K {}

async fn read_one<K: KeyValue + ?Sized>(
    store: &K,
    key: Option<&Key>,
    read: Read,
) -> Result<Option<Entry>, StoreError> {
    match key {
        Some(key) => store.get(key, read).await,
        None => Ok(None),
    }
}

/// Random, so that writers that met once do not meet again: up to 1 ms at first, up to 128 ms in the end.
fn pause(attempt: u32) -> Duration {
    let most = 1000_u64 << attempt.min(7);
    Duration::from_micros(crate::random::below(most))
}
