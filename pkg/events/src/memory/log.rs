use std::sync::Arc;

use crate::{Event, PublishReceipt};

/// An event in the log.
pub(super) struct StoredEvent {
    pub(super) sequence: u64,
    pub(super) event: Arc<Event>,
    /// The subscription that a replay is for.
    pub(super) only_for: Option<Arc<str>>,
}

/// A dead letter that is published again for the subscription that gave it up.
pub(super) struct Replay {
    /// Precedes the message id of the event.
    pub(super) prefix: String,
    pub(super) only_for: Arc<str>,
}

/// The receipt of an event that was appended to the log, and the event that it evicted. The caller drops that after it has
/// unlocked the state: to free its memory takes a while.
pub(super) struct Appended {
    pub(super) receipt: PublishReceipt,
    pub(super) evicted: Option<StoredEvent>,
}
