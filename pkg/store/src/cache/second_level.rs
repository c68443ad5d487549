use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::tags::{epoch_key, key_of, tag_key};
use crate::{Expect, Key, KeyValue, Read, Revision, StoreError, Ttl};

/// A bucket that the caches of several instances share.
///
/// A tag is invalidated by an entry of its name. A value with tags is stored with the epoch from before its load, the revision of the
/// last invalidation of any tag: it is valid while the entry of none of its tags is younger.
pub(super) struct SecondLevel<V> {
    store: Arc<dyn KeyValue>,
    ttl: Ttl,
    encode: fn(&V, Option<Revision>) -> Result<Vec<u8>, serde_json::Error>,
    decode: fn(&[u8]) -> Result<V, serde_json::Error>,
    decode_tagged: fn(&[u8]) -> Result<WithEpoch<V>, serde_json::Error>,
}

/// What the second level has of a key.
pub(super) enum Found<V> {
    Value(V, Revision),
    /// Nothing.
    Absent(Vacancy),
}

/// Where a load may store its value.
pub(super) struct Vacancy {
    /// If this is the last write of the key still.
    expect: Expect,
    /// The epoch of the tags, for values with tags.
    epoch: Option<Revision>,
}

#[derive(Serialize, Deserialize)]
struct WithEpoch<V> {
    epoch: u64,
    value: V,
}

pub(super) type TagsOf<'a, V> = &'a (dyn Fn(&V) -> Vec<String> + Send + Sync);

impl<V: Sync + Send> SecondLevel<V> {
    pub(super) fn new(store: Arc<dyn KeyValue>, ttl: Ttl) -> Self
    where
        V: Serialize + DeserializeOwned,
    {
        Self {
            store,
            ttl,
            encode: |value, epoch| match epoch {
                Some(epoch) => serde_json::to_vec(&WithEpoch { epoch: epoch.get(), value }),
                None => serde_json::to_vec(value),
            },
            decode: |bytes| serde_json::from_slice(bytes),
            decode_tagged: |bytes| serde_json::from_slice(bytes),
        }
    }

    pub(super) async fn find(&self, key: &str, tags: Option<TagsOf<'_, V>>) -> Result<Found<V>, StoreError> {
        let key = key_of(key);
        // Before the load that follows a miss.
        let epoch = match tags {
            Some(_) => Some(self.revision(&epoch_key()?).await?),
            None => None,
        };
        if let Some(entry) = self.store.get(&key, Read::Latest).await? {
            return Ok(match self.valid(&entry.value, tags).await? {
                Some(value) => Found::Value(value, entry.revision),
                None => Found::Absent(Vacancy { expect: Expect::Revision(entry.revision), epoch }),
            });
        }
        // The removal counts: a value that was loaded before the next one must not be stored after it.
        let expect = match self.store.history(&key).await {
            Ok(history) => {
                Expect::Revision(history.last().map_or(Revision::default(), |entry| entry.revision))
            }
            Err(StoreError::Unsupported { .. }) => Expect::Absent,
            Err(error) => return Err(error),
        };
        Ok(Found::Absent(Vacancy { expect, epoch }))
    }

    /// The value; none when a tag of it was invalidated, or when another version of the service wrote it.
    async fn valid(&self, bytes: &[u8], tags: Option<TagsOf<'_, V>>) -> Result<Option<V>, StoreError> {
        let Some(tags) = tags else { return Ok((self.decode)(bytes).ok()) };
        let Ok(WithEpoch { epoch, value }) = (self.decode_tagged)(bytes) else { return Ok(None) };
        for tag in tags(&value) {
            if self.revision(&tag_key(&tag)?).await?.get() > epoch {
                return Ok(None);
            }
        }
        Ok(Some(value))
    }

    /// The revision of an entry; zero when there is none.
    async fn revision(&self, key: &Key) -> Result<Revision, StoreError> {
        Ok(self.store.get(key, Read::Latest).await?.map_or(Revision::default(), |entry| entry.revision))
    }

    pub(super) async fn put(&self, key: &str, value: &V, at: Vacancy) -> Result<Revision, StoreError> {
        let bytes = (self.encode)(value, at.epoch).map_err(|error| StoreError::Encode(error.into()))?;
        self.store.put(&key_of(key), Bytes::from(bytes), at.expect, self.ttl).await
    }

    pub(super) async fn remove(&self, key: &str) -> Result<(), StoreError> {
        self.store.delete(&key_of(key), Expect::Anything).await
    }

    /// Makes every value with this tag invalid that is there, or whose load has begun and lasts for at most `load`.
    pub(super) async fn invalidate_tag(&self, tag: &str, load: Duration) -> Result<(), StoreError> {
        // The entries outlive what a load stores that has begun before.
        let ttl = match self.ttl {
            Ttl::After(ttl) => Ttl::After(ttl + load + Duration::from_secs(1)),
            Ttl::Bucket => Ttl::Bucket,
        };
        // In this order: an epoch that a load has seen is never younger than a tag that it has not.
        for key in [tag_key(tag)?, epoch_key()?] {
            self.store.put(&key, Bytes::new(), Expect::Anything, ttl).await?;
        }
        Ok(())
    }
}
