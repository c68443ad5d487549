use std::fmt;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{SessionId, StoreError};

/// How long a session lives: as long as it is used, and not longer than a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionLife {
    /// How long it lives without being loaded or saved. At least ten seconds.
    pub idle: Duration,
    /// How long it lives in all. At least as long as `idle`.
    pub absolute: Duration,
}

impl SessionLife {
    /// Both limits.
    pub const fn new(idle: Duration, absolute: Duration) -> Self {
        Self { idle, absolute }
    }
}

impl Default for SessionLife {
    /// 30 minutes idle, 12 hours in all.
    fn default() -> Self {
        Self::new(Duration::from_secs(30 * 60), Duration::from_secs(12 * 60 * 60))
    }
}

/// A session as it was loaded.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// Its data.
    pub data: Bytes,
    /// The number of its data, which each save increases.
    pub version: u64,
    /// When it ends at the latest.
    pub ends: SystemTime,
}

impl Session {
    /// A session.
    pub fn new(data: Bytes, version: u64, ends: SystemTime) -> Self {
        Self { data, version, ends }
    }
}

impl fmt::Debug for Session {
    /// Without the data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, ends, .. } = self;
        f.debug_struct("Session").field("version", version).field("ends", ends).finish_non_exhaustive()
    }
}

/// Sessions by id.
#[async_trait]
pub trait Sessions: Send + Sync + 'static {
    /// Starts a session, whose data has version 1.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`] for a life that cannot be kept, and those of [`KeyValue::put`](crate::KeyValue::put).
    ///
    /// # Cancel safety
    /// A session without a client may stay until its idle time is over.
    async fn create(&self, data: Bytes, life: SessionLife) -> Result<SessionId, StoreError>;

    /// Loads a session, which counts as a use of it; none when it has ended or never was.
    ///
    /// Uses within a tenth of the idle time are written once.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], and those of [`KeyValue::get`](crate::KeyValue::get).
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn load(&self, id: &SessionId) -> Result<Option<Session>, StoreError>;

    /// Replaces the data if it has this version still, and returns its new version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the data has another version, or the session has ended.
    ///
    /// # Cancel safety
    /// The data may be replaced.
    async fn save(&self, id: &SessionId, data: Bytes, version: u64) -> Result<u64, StoreError>;

    /// Moves a session to a new id and ends the old one; none when there is no such session. Call it after a login, before anything of
    /// the login is saved: an attacker who planted the old id has nothing then.
    ///
    /// # Errors
    /// Those of [`save`](Self::save).
    ///
    /// # Cancel safety
    /// The old id may be valid still.
    async fn rotate(&self, id: &SessionId) -> Result<Option<SessionId>, StoreError>;

    /// Ends a session. One that has ended is no error.
    ///
    /// # Errors
    /// Those of [`KeyValue::delete`](crate::KeyValue::delete).
    ///
    /// # Cancel safety
    /// The session may be ended.
    async fn destroy(&self, id: &SessionId) -> Result<(), StoreError>;
}

const _: fn(&dyn Sessions) = |_| ();
