//! The state of a bucket as records of its journal, and the records as state.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use tokio::time::Instant;
use underpin_journal::{Journal, JournalError};

use super::bucket::Bucket;
use super::record::{OPERATIONS, Record, name, since_epoch};
use super::stored_write::StoredWrite;
use crate::{Key, StoreError};

impl Bucket {
    /// Applies a record. What has expired since is removed like everything that expires.
    pub(super) fn restore(&mut self, record: Record<'_>) -> Result<(), JournalError> {
        match record {
            Record::Last { revision } => self.raise(revision),
            Record::Write { key, revision, operation, written, expires, value } => {
                let known = OPERATIONS.into_iter().find(|known| name(*known) == operation);
                let operation =
                    known.ok_or_else(|| JournalError::record(format!("operation {operation}")))?;
                let key = Key::new(&key).map_err(JournalError::record)?;
                let value = Bytes::from(BASE64_STANDARD.decode(value).map_err(JournalError::record)?);
                let left =
                    |expires| Duration::from_millis(expires).saturating_sub(since_epoch(SystemTime::now()));
                let expires = expires.map(|expires| Instant::now() + left(expires));
                let written = UNIX_EPOCH + Duration::from_millis(written);
                self.raise(revision);
                self.apply(&key, StoredWrite { revision, value, written, operation, expires });
            }
            Record::Forget { key } => self.forget(&Key::new(&key).map_err(JournalError::record)?),
        }
        Ok(())
    }

    /// Appends to the journal, if there is one, before the state changes.
    pub(super) fn note<'r>(&mut self, record: impl FnOnce() -> Record<'r>) -> Result<(), StoreError> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        journal.append([record()]).map_err(|error| StoreError::Unavailable(error.into()))
    }

    /// Rewrites the journal when most of it is obsolete.
    pub(super) fn compact(&mut self) {
        if self.journal.as_ref().is_some_and(Journal::is_large) {
            let Some(mut journal) = self.journal.take() else { return };
            let last = Record::Last { revision: self.last() };
            let writes = self.writes().map(|(key, stored)| Record::write(key, stored));
            journal.rewrite(std::iter::once(last).chain(writes));
            self.journal = Some(journal);
        }
    }
}
