//! What a poll cycle works on and what it comes to: data that the steps of the relay pass on.

use std::collections::BTreeSet;

/// A row that is to be published.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) partition: i16,
    pub(super) id: i64,
    pub(super) key: String,
    pub(super) envelope: String,
    pub(super) age_ms: i64,
    /// Failures of this event so far; outages of the broker do not count.
    pub(super) attempts: u32,
    /// Whether it is in `underpin_outbox_held`.
    pub(super) held: bool,
}

/// What publishing a row came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublishOutcome {
    /// The broker has it.
    Confirmed,
    /// It can never be published.
    Rejected(String),
    /// It failed while others were confirmed.
    AtFault {
        reason: String,
        /// Whether the failure brings it closer to quarantine.
        counts: bool,
    },
    /// It failed, and nothing says that it is to blame.
    Outage(String),
}

/// What happens next to a row that was not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disposition {
    /// Retried after the back-off for that many failures.
    Retry,
    /// Waits behind an earlier row of its key.
    Wait,
    /// Waits for an operator.
    Quarantine,
}

/// A row that was not published, as it is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) partition: i16,
    pub(super) key: String,
    pub(super) id: i64,
    pub(super) attempts: u32,
    pub(super) reason: Option<String>,
    pub(super) disposition: Disposition,
}

/// Why the relay stalls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outage {
    /// The first row that could not be published.
    pub(super) row: i64,
    pub(super) reason: String,
}

/// The outcome of each row of a batch: what is to be written to the database.
#[derive(Debug, Default)]
pub(super) struct BatchOutcome {
    pub(super) sent: Vec<(i16, i64)>,
    pub(super) sent_held: Vec<(i16, String, i64)>,
    /// Rows that move to `underpin_outbox_held`.
    pub(super) hold: Vec<Failure>,
    /// Held rows that failed again.
    pub(super) again: Vec<Failure>,
    /// Keys whose next held row becomes due.
    pub(super) promote: BTreeSet<(i16, String)>,
    /// Why publishing stopped, if it did.
    pub(super) outage: Option<Outage>,
    /// The first held row that failed without being to blame.
    pub(super) held_outage: Option<Outage>,
    /// Rows that were fetched and stay as they were.
    pub(super) untouched: usize,
}

impl BatchOutcome {
    /// Whether a plain removal of sent rows is all there is to write.
    pub(super) fn is_plain(&self) -> bool {
        self.sent_held.is_empty() && self.hold.is_empty() && self.again.is_empty() && self.promote.is_empty()
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.sent.is_empty() && self.is_plain()
    }

    /// Rows that the broker confirmed.
    pub(super) fn confirmed(&self) -> usize {
        self.sent.len() + self.sent_held.len()
    }

    /// Rows that failed, without those that only wait behind one.
    pub(super) fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.hold.iter().chain(&self.again).filter(|failure| failure.disposition != Disposition::Wait)
    }

    pub(super) fn promote(&mut self, partition: i16, key: &str) {
        self.promote.insert((partition, key.to_owned()));
    }
}
