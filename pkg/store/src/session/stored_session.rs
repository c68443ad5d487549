//! A session as it is stored: a line of JSON, and the data.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::sessions::Session;
use crate::StoreError;

#[derive(Clone, Serialize, Deserialize)]
struct Head {
    version: u64,
    /// Milliseconds since 1970, by the creator's clock.
    ends: u64,
    /// Milliseconds.
    idle: u64,
    /// Milliseconds since 1970, by the last writer's clock.
    used: u64,
}

#[derive(Clone)]
pub(super) struct StoredSession {
    head: Head,
    data: Bytes,
}

impl StoredSession {
    pub(super) fn new(data: Bytes, idle: Duration, absolute: Duration) -> Self {
        let used = now();
        Self {
            head: Head { version: 1, ends: used.saturating_add(millis(absolute)), idle: millis(idle), used },
            data,
        }
    }

    pub(super) fn decode(value: &Bytes) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt("not a session".into());
        let line = value.iter().position(|byte| *byte == b'\n').ok_or_else(corrupt)?;
        let head = serde_json::from_slice(value.get(..line).unwrap_or_default())
            .map_err(|error| StoreError::Corrupt(error.into()))?;
        Ok(Self { head, data: value.slice(line + 1..) })
    }

    pub(super) fn encode(&self) -> Result<Bytes, StoreError> {
        let head = serde_json::to_vec(&self.head).map_err(|error| StoreError::Encode(error.into()))?;
        let mut value = BytesMut::with_capacity(head.len() + 1 + self.data.len());
        value.extend_from_slice(&head);
        value.extend_from_slice(b"\n");
        value.extend_from_slice(&self.data);
        Ok(value.freeze())
    }

    pub(super) fn session(&self) -> Session {
        let ends = UNIX_EPOCH + Duration::from_millis(self.head.ends);
        Session::new(self.data.clone(), self.head.version, ends)
    }

    pub(super) fn version(&self) -> u64 {
        self.head.version
    }

    /// How long the store has to keep it from now on; none when it has ended.
    pub(super) fn kept(&self) -> Option<Duration> {
        let left = self.head.ends.checked_sub(now()).filter(|left| *left > 0)?;
        Some(Duration::from_millis(left.min(self.head.idle)).max(Duration::from_secs(1)))
    }

    /// Whether a use has to be written down.
    pub(super) fn is_stale(&self) -> bool {
        now().saturating_sub(self.head.used) >= self.head.idle / 10
    }

    pub(super) fn used(mut self) -> Self {
        self.head.used = now();
        self
    }

    pub(super) fn with_data(self, data: Bytes) -> Self {
        let mut changed = self.used();
        changed.head.version += 1;
        changed.data = data;
        changed
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
