//! Stored messages as entries.

use std::time::SystemTime;

use bytes::Bytes;
use underpin_nats::async_nats::{HeaderMap, HeaderValue};
use underpin_nats::jetstream::{StoredMessage, time_of};

use crate::{Entry, Key, Operation, Revision};

pub(super) const OPERATION: &str = "KV-Operation";
const MARKER: &str = "Nats-Marker-Reason";

/// A message of the API `STREAM.MSG.GET`; none when its subject is no key of this bucket.
pub(super) fn read(message: StoredMessage, prefix: &str) -> Option<Entry> {
    let key = key_of(prefix, &message.subject)?;
    let operation = operation(message.header(OPERATION).as_deref(), message.header(MARKER).as_deref());
    Some(entry(key, message.payload, message.sequence, message.written, operation))
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
}
