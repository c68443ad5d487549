use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Expect, Key, KeyValue, Read, Revision, StoreError, Ttl};

/// A bucket that the caches of several instances share.
pub(super) struct SecondLevel<V> {
    store: Arc<dyn KeyValue>,
    ttl: Ttl,
    encode: fn(&V) -> Result<Vec<u8>, serde_json::Error>,
    decode: fn(&[u8]) -> Result<V, serde_json::Error>,
}

/// What the second level has of a key.
pub(super) enum Found<V> {
    Value(V, Revision),
    /// Nothing. A load may store its value if this is the last write of the key still.
    Absent(Expect),
}

impl<V: Sync> SecondLevel<V> {
    pub(super) fn new(store: Arc<dyn KeyValue>, ttl: Ttl) -> Self
    where
        V: Serialize + DeserializeOwned,
    {
        Self {
            store,
            ttl,
            encode: |value| serde_json::to_vec(value),
            decode: |bytes| serde_json::from_slice(bytes),
        }
    }

    pub(super) async fn find(&self, key: &str) -> Result<Found<V>, StoreError> {
        let key = key_of(key);
        if let Some(entry) = self.store.get(&key, Read::Latest).await? {
            return Ok(match (self.decode)(&entry.value) {
                Ok(value) => Found::Value(value, entry.revision),
                // Of another version of the service: replaced by what is loaded.
                Err(_) => Found::Absent(Expect::Revision(entry.revision)),
            });
        }
        // The removal counts: a value that was loaded before the next one must not be stored after it.
        match self.store.history(&key).await {
            Ok(history) => {
                let last = history.last().map_or(Revision::default(), |entry| entry.revision);
                Ok(Found::Absent(Expect::Revision(last)))
            }
            Err(StoreError::Unsupported { .. }) => Ok(Found::Absent(Expect::Absent)),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn put(&self, key: &str, value: &V, expect: Expect) -> Result<Revision, StoreError> {
        let bytes = (self.encode)(value).map_err(|error| StoreError::Encode(error.into()))?;
        self.store.put(&key_of(key), Bytes::from(bytes), expect, self.ttl).await
    }

    pub(super) async fn remove(&self, key: &str) -> Result<(), StoreError> {
        self.store.delete(&key_of(key), Expect::Anything).await
    }
}

pub(super) fn key_of(text: &str) -> Key {
    Key::encoded(text)
}

/// The text that a key was made of; none for a hash.
pub(super) fn text_of(key: &Key) -> Option<String> {
    let digits = key.as_str().strip_prefix('=')?.as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    String::from_utf8(digits.chunks(2).map(pair).collect::<Option<Vec<u8>>>()?).ok()
}
