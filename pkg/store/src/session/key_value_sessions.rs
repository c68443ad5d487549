use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use underpin_errors::{Health, HealthCheck};

use super::sessions::{Session, SessionLife, Sessions};
use super::stored_session::StoredSession;
use crate::{Expect, KeyValue, Read, Revision, SessionId, StoreError, Ttl};

/// How often a write is tried that others were faster with.
const ATTEMPTS: usize = 8;

/// Sessions in a key-value bucket with [`key_ttl`](crate::BucketSettings::key_ttl). The server removes those that are idle for too long.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use underpin_store::{BucketSettings, KeyValueSessions, MemoryKeyValue, SessionLife, Sessions};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), underpin_store::StoreError> {
/// let bucket = MemoryKeyValue::new(BucketSettings::new("sessions").key_ttl(true))?;
/// let sessions = KeyValueSessions::new(Arc::new(bucket));
/// let id = sessions.create("guest".into(), SessionLife::default()).await?;
/// let id = sessions.rotate(&id).await?.expect("it is there");
/// let session = sessions.load(&id).await?.expect("it is there");
/// sessions.save(&id, "ada".into(), session.version).await?;
/// // Another request was faster.
/// assert!(sessions.save(&id, "eve".into(), session.version).await.unwrap_err().is_conflict());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct KeyValueSessions(Arc<dyn KeyValue>);

impl KeyValueSessions {
    /// Sessions in this bucket.
    pub fn new(store: Arc<dyn KeyValue>) -> Self {
        Self(store)
    }

    async fn find(&self, id: &SessionId) -> Result<Option<(StoredSession, Revision)>, StoreError> {
        let Some(entry) = self.0.get(&id.key(), Read::Latest).await? else { return Ok(None) };
        let stored = StoredSession::decode(&entry.value)?;
        Ok(stored.kept().is_some().then_some((stored, entry.revision)))
    }

    async fn write(&self, id: &SessionId, stored: &StoredSession, expect: Expect) -> Result<(), StoreError> {
        let kept = stored.kept().ok_or(StoreError::Conflict { current: None })?;
        self.0.put(&id.key(), stored.encode()?, expect, Ttl::After(kept)).await.map(drop)
    }
}

#[async_trait]
impl HealthCheck for KeyValueSessions {
    fn name(&self) -> &str {
        "sessions"
    }

    async fn check(&self) -> Health {
        self.0.check().await
    }
}

#[async_trait]
impl Sessions for KeyValueSessions {
    async fn create(&self, data: Bytes, life: SessionLife) -> Result<SessionId, StoreError> {
        let SessionLife { idle, absolute } = life;
        if idle < Duration::from_secs(10) || absolute < idle {
            return Err(StoreError::option(
                "life",
                "must have `idle` of at least 10s and `absolute` not below it",
            ));
        }
        let id = SessionId::random()?;
        self.write(&id, &StoredSession::new(data, idle, absolute), Expect::Absent).await?;
        Ok(id)
    }

    async fn load(&self, id: &SessionId) -> Result<Option<Session>, StoreError> {
        let Some((stored, revision)) = self.find(id).await? else { return Ok(None) };
        let session = stored.session();
        if stored.is_stale() {
            match self.write(id, &stored.used(), Expect::Revision(revision)).await {
                // A concurrent request recorded its use.
                Err(error) if !error.is_conflict() => return Err(error),
                _ => {}
            }
        }
        Ok(Some(session))
    }

    async fn save(&self, id: &SessionId, data: Bytes, version: u64) -> Result<u64, StoreError> {
        let mut attempt = 1;
        loop {
            let found = self.find(id).await?.filter(|(stored, _)| stored.version() == version);
            let (stored, revision) = found.ok_or(StoreError::Conflict { current: None })?;
            match self.write(id, &stored.with_data(data.clone()), Expect::Revision(revision)).await {
                // A use was written meanwhile, or other data: the version decides.
                Err(error) if error.is_conflict() && attempt < ATTEMPTS => attempt += 1,
                written => return written.map(|()| version + 1),
            }
        }
    }

    async fn rotate(&self, id: &SessionId) -> Result<Option<SessionId>, StoreError> {
        for _ in 0..ATTEMPTS {
            let Some((stored, revision)) = self.find(id).await? else { return Ok(None) };
            let new = SessionId::random()?;
            self.write(&new, &stored.used(), Expect::Absent).await?;
            match self.0.delete(&id.key(), Expect::Revision(revision)).await {
                // It was changed meanwhile: the copy is old.
                Err(error) if error.is_conflict() => self.0.delete(&new.key(), Expect::Anything).await?,
                ended => return ended.map(|()| Some(new)),
            }
        }
        Err(StoreError::Conflict { current: None })
    }

    async fn destroy(&self, id: &SessionId) -> Result<(), StoreError> {
        self.0.delete(&id.key(), Expect::Anything).await
    }
}

impl fmt::Debug for KeyValueSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyValueSessions").field("store", &self.0.name()).finish()
    }
}
