use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::stored_write::StoredWrite;
use crate::{Key, Operation};

/// One change of a bucket, as JSON in the journal.
///
/// New kinds may be added; a journal with a kind that this version does not know is refused.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Record<'a> {
    /// The number of the last write; the first record of a compacted journal.
    Last { revision: u64 },
    /// A write. Times are milliseconds after 1970.
    Write {
        key: Cow<'a, str>,
        revision: u64,
        operation: Cow<'a, str>,
        written: u64,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        expires: Option<u64>,
        /// In base64.
        #[serde(skip_serializing_if = "String::is_empty", default)]
        value: String,
    },
    /// A key is forgotten, with its history.
    Forget { key: Cow<'a, str> },
}

impl<'a> Record<'a> {
    pub(super) fn write(key: &'a Key, stored: &StoredWrite) -> Self {
        let until = |expires: Instant| SystemTime::now() + expires.saturating_duration_since(Instant::now());
        Self::Write {
            key: key.as_str().into(),
            revision: stored.revision,
            operation: name(stored.operation).into(),
            written: millis(stored.written),
            expires: stored.expires.map(|expires| millis(until(expires))),
            value: BASE64_STANDARD.encode(&stored.value),
        }
    }

    pub(super) fn forget(key: &'a Key) -> Self {
        Self::Forget { key: key.as_str().into() }
    }
}

pub(super) const OPERATIONS: [Operation; 4] =
    [Operation::Put, Operation::Delete, Operation::Purge, Operation::Expired];

pub(super) fn name(operation: Operation) -> &'static str {
    match operation {
        Operation::Put => "put",
        Operation::Delete => "delete",
        Operation::Purge => "purge",
        Operation::Expired => "expired",
    }
}

pub(super) fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn millis(time: SystemTime) -> u64 {
    u64::try_from(since_epoch(time).as_millis()).unwrap_or(u64::MAX)
}
