//! Stored messages as entries.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use underpin_nats::async_nats::{HeaderMap, HeaderValue};

use crate::{Entry, Key, Operation, Revision, StoreError};

pub(super) const OPERATION: &str = "KV-Operation";
const MARKER: &str = "Nats-Marker-Reason";

/// A message of the API `STREAM.MSG.GET`.
#[derive(Deserialize)]
pub(super) struct MessageAnswer {
    pub(super) message: StoredMessage,
}

#[derive(Deserialize)]
pub(super) struct StoredMessage {
    pub(super) seq: u64,
    subject: String,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
    time: String,
}

impl StoredMessage {
    /// When it was stored.
    pub(super) fn written(&self) -> SystemTime {
        time_of(&self.time)
    }

    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        value_of(&STANDARD.decode(&self.hdrs).ok()?, name)
    }

    /// The entry; none when its subject is no key of this bucket.
    pub(super) fn entry(self, prefix: &str) -> Result<Option<Entry>, StoreError> {
        let decode = |text: &str| STANDARD.decode(text).map_err(|error| StoreError::Corrupt(error.into()));
        let headers = decode(&self.hdrs)?;
        let header = |name: &str| value_of(&headers, name);
        let operation = operation(header(OPERATION).as_deref(), header(MARKER).as_deref());
        let (value, written) = (Bytes::from(decode(&self.data)?), time_of(&self.time));
        Ok(key_of(prefix, &self.subject).map(|key| entry(key, value, self.seq, written, operation)))
    }
}

/// The value of a header in a block as it is stored. Lines that are no headers are passed over.
fn value_of(block: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(block);
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(found, _)| found.trim() == name).map(|(_, value)| value.trim().to_owned())
}

/// A message of the direct API, whose headers carry its position.
pub(super) fn direct(headers: &HeaderMap, prefix: &str, value: Bytes) -> Option<Entry> {
    let text = |name: &str| headers.get(name).map(|value| value.as_str().to_owned());
    let key = key_of(prefix, &text("Nats-Subject")?)?;
    let sequence = text("Nats-Sequence")?.parse().ok()?;
    let written = time_of(&text("Nats-Time-Stamp")?);
    Some(entry(key, value, sequence, written, operation_in(headers)))
}

/// What a message of a consumer did.
pub(super) fn operation_in(headers: &HeaderMap) -> Operation {
    let text = |name: &str| headers.get(name).map(HeaderValue::as_str);
    operation(text(OPERATION), text(MARKER))
}

pub(super) fn key_of(prefix: &str, subject: &str) -> Option<Key> {
    Key::new(subject.strip_prefix(prefix)?).ok()
}

pub(super) fn entry(
    key: Key,
    value: Bytes,
    sequence: u64,
    written: SystemTime,
    operation: Operation,
) -> Entry {
    match operation {
        Operation::Put => Entry::new(key, value, Revision::new(sequence), written),
        removal => Entry::removed(key, removal, Revision::new(sequence), written),
    }
}

fn operation(operation: Option<&str>, marker: Option<&str>) -> Operation {
    match (operation, marker) {
        (_, Some("MaxAge")) => Operation::Expired,
        (Some("DEL"), _) | (_, Some("Remove")) => Operation::Delete,
        (Some("PURGE"), _) | (_, Some(_)) => Operation::Purge,
        _ => Operation::Put,
    }
}

pub(super) fn time_of(text: &str) -> SystemTime {
    OffsetDateTime::parse(text, &Rfc3339).map_or(SystemTime::UNIX_EPOCH, SystemTime::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_those_of_the_specification() {
        assert_eq!(operation(None, None), Operation::Put);
        assert_eq!(operation(Some("DEL"), None), Operation::Delete);
        assert_eq!(operation(Some("PURGE"), None), Operation::Purge);
        assert_eq!(operation(None, Some("MaxAge")), Operation::Expired);
        assert_eq!(operation(None, Some("Remove")), Operation::Delete);
        assert_eq!(operation(None, Some("Purge")), Operation::Purge);
    }

    #[test]
    fn a_block_that_no_client_reads_is_read() {
        let block = b"NATS/1.0\r\nbad header\xff\r\nKV-Operation: DEL\r\nA: b\rc\r\n\r\n";
        assert_eq!(value_of(block, OPERATION).as_deref(), Some("DEL"));
        assert_eq!(value_of(block, MARKER), None);
    }
}
