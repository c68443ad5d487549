use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::{DeadLetter, Event};

/// One change of the bus, as JSON in the journal.
///
/// New kinds may be added; a journal with a kind that this version does not know is refused.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Record<'a> {
    /// The next positions; the first record of a compacted journal.
    Next { sequence: u64, dead_letter: u64 },
    /// An event was stored, with its message id and the milliseconds after 1970, unless its message id has a record.
    Event {
        sequence: u64,
        message_id: Option<(Cow<'a, str>, u64)>,
        only_for: Option<Cow<'a, str>>,
        event: Cow<'a, Event>,
    },
    /// A message id is remembered, whether its event is still there or not.
    MessageId { sequence: u64, at: u64, message_id: Cow<'a, str> },
    /// The oldest event made room for a new one.
    Dropped { sequence: u64 },
    /// A subscription is at this position: everything below was looked at.
    Subscription { name: Cow<'a, str>, cursor: u64 },
    /// An event was handed to a subscription for the so-many-th time, or given back.
    Taken { name: Cow<'a, str>, sequence: u64, attempt: u32 },
    /// A subscription has acknowledged an event.
    #[serde(rename = "settled")]
    Completed { name: Cow<'a, str>, sequence: u64 },
    /// An event was dead-lettered.
    DeadLetter(Cow<'a, DeadLetterRecord>),
    /// A dead letter was replayed or discarded.
    DeadLetterGone { id: u64 },
}

/// A dead letter of the in-memory bus: its payload is always the JSON of an event.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeadLetterRecord {
    id: u64,
    subscription: String,
    reason: String,
    attempts: u32,
    at: u64,
    ty: String,
    sequence: u64,
    payload: Event,
}

impl DeadLetterRecord {
    /// None for a payload that is no event, which this bus never dead-letters.
    pub(super) fn of(dead_letter: &DeadLetter) -> Option<Self> {
        Some(Self {
            id: dead_letter.id,
            subscription: dead_letter.subscription.clone(),
            reason: dead_letter.reason.clone(),
            attempts: dead_letter.attempts,
            at: millis(dead_letter.time),
            ty: dead_letter.ty.clone(),
            sequence: dead_letter.sequence,
            payload: dead_letter.event().ok()?,
        })
    }
}

impl From<DeadLetterRecord> for DeadLetter {
    fn from(dead_letter: DeadLetterRecord) -> Self {
        Self {
            id: dead_letter.id,
            subscription: dead_letter.subscription,
            reason: dead_letter.reason,
            attempts: dead_letter.attempts,
            time: UNIX_EPOCH + Duration::from_millis(dead_letter.at),
            ty: dead_letter.ty,
            sequence: dead_letter.sequence,
            headers: Vec::new(),
            raw_headers: None,
            payload: dead_letter.payload.to_json(),
            complete: true,
        }
    }
}

/// Milliseconds after 1970.
pub(super) fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
