use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tower_sessions_core::session::{Id, Record};
use tower_sessions_core::session_store::{Error, Result, SessionStore};
use underpin_errors::Report;

use super::id::hashed;
use crate::{Expect, Key, KeyValue, Read, StoreError, Ttl};

/// The store below `tower-sessions`, in a key-value bucket with [`key_ttl`](crate::BucketSettings::key_ttl).
///
/// The bucket sees the SHA-256 of the ids only. A record is gone with its expiry date.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use underpin_store::{BucketSettings, MemoryKeyValue, TowerSessionStore};
///
/// let bucket = MemoryKeyValue::new(BucketSettings::new("sessions").key_ttl(true)).unwrap();
/// let store = TowerSessionStore::new(Arc::new(bucket));
/// // tower_sessions::SessionManagerLayer::new(store)
/// # let _ = store;
/// ```
#[derive(Clone)]
pub struct TowerSessionStore(Arc<dyn KeyValue>);

impl TowerSessionStore {
    /// A store in this bucket.
    pub fn new(store: Arc<dyn KeyValue>) -> Self {
        Self(store)
    }

    async fn write(&self, record: &Record, expect: Expect) -> std::result::Result<(), StoreError> {
        let left = SystemTime::from(record.expiry_date).duration_since(SystemTime::now()).unwrap_or_default();
        if left.is_zero() {
            return self.0.delete(&key(&record.id), Expect::Anything).await;
        }
        // An id in the value would be one that can be stolen.
        let stored = Record { id: Id(0), ..record.clone() };
        let value = serde_json::to_vec(&stored).map_err(|error| StoreError::Encode(error.into()))?;
        let ttl = Ttl::After(left.max(Duration::from_secs(1)));
        self.0.put(&key(&record.id), value.into(), expect, ttl).await.map(drop)
    }
}

fn key(id: &Id) -> Key {
    hashed(&id.0.to_le_bytes())
}

fn failed(error: &StoreError) -> Error {
    let text = Report(error).to_string();
    match error {
        StoreError::Encode(_) => Error::Encode(text),
        StoreError::Corrupt(_) => Error::Decode(text),
        _ => Error::Backend(text),
    }
}

#[async_trait]
impl SessionStore for TowerSessionStore {
    async fn create(&self, record: &mut Record) -> Result<()> {
        loop {
            match self.write(record, Expect::Absent).await {
                Err(error) if error.is_conflict() => record.id = Id::default(),
                written => return written.map_err(|error| failed(&error)),
            }
        }
    }

    async fn save(&self, record: &Record) -> Result<()> {
        loop {
            // A session that another request has ended stays ended.
            let found = self.0.get(&key(&record.id), Read::Latest).await.map_err(|error| failed(&error))?;
            let Some(entry) = found else { return Ok(()) };
            match self.write(record, Expect::Revision(entry.revision)).await {
                Err(error) if error.is_conflict() => {}
                written => return written.map_err(|error| failed(&error)),
            }
        }
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let found = self.0.get(&key(id), Read::Latest).await.map_err(|error| failed(&error))?;
        let Some(entry) = found else { return Ok(None) };
        let record: Record =
            serde_json::from_slice(&entry.value).map_err(|error| Error::Decode(error.to_string()))?;
        let is_over = SystemTime::from(record.expiry_date) <= SystemTime::now();
        Ok((!is_over).then_some(Record { id: *id, ..record }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.0.delete(&key(id), Expect::Anything).await.map_err(|error| failed(&error))
    }
}

impl fmt::Debug for TowerSessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TowerSessionStore").finish_non_exhaustive()
    }
}
