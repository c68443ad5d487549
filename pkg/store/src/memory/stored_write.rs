use std::time::SystemTime;

use bytes::Bytes;
use tokio::time::Instant;

use crate::{Entry, Key, Operation, Revision};

/// A write as the bucket keeps it.
pub(super) struct StoredWrite {
    pub(super) revision: u64,
    pub(super) value: Bytes,
    pub(super) written: SystemTime,
    pub(super) operation: Operation,
    pub(super) expires: Option<Instant>,
}

impl StoredWrite {
    pub(super) fn entry(&self, key: &Key) -> Entry {
        let (revision, value) = (Revision::new(self.revision), self.value.clone());
        Entry { operation: self.operation, ..Entry::new(key.clone(), value, revision, self.written) }
    }

    pub(super) fn is_live(&self, now: impl FnOnce() -> Instant) -> bool {
        self.operation == Operation::Put && self.expires.is_none_or(|expires| expires > now())
    }
}
