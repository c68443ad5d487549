use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;

use crate::{Key, Revision};

/// A write of a key: a value, or its removal.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The value; empty for a removal.
    pub value: Bytes,
    /// The number of the write.
    pub revision: Revision,
    /// When the server stored it, by its clock.
    pub written: SystemTime,
    /// What the write did.
    pub operation: Operation,
}

impl Entry {
    /// A value.
    pub fn new(key: Key, value: Bytes, revision: Revision, written: SystemTime) -> Self {
        Self { key, value, revision, written, operation: Operation::Put }
    }

    /// The removal of a key.
    pub fn removed(key: Key, operation: Operation, revision: Revision, written: SystemTime) -> Self {
        Self { key, value: Bytes::new(), revision, written, operation }
    }

    /// Whether it is a value.
    pub fn is_put(&self) -> bool {
        self.operation == Operation::Put
    }
}

impl fmt::Debug for Entry {
    /// Without the value, which may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.key)
            .field("revision", &self.revision)
            .field("operation", &self.operation)
            .field("size", &self.value.len())
            .finish_non_exhaustive()
    }
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// It stored a value.
    Put,
    /// It removed the value, and left the earlier ones in the history.
    Delete,
    /// It removed the value and the history.
    Purge,
    /// The time to live of the value was over.
    Expired,
}
