use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate, duration, setters};

use underpin_journal::JournalSettings;

/// The limits of the in-memory bus, and its journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MemorySettings {
    /// How many events are kept. At the limit each new event evicts the oldest, unless a running subscription still needs that:
    /// then publishing fails with [`EventsError::StreamFull`](crate::EventsError::StreamFull). Names without a running
    /// subscription, and subscriptions that do not want the event, do not keep it.
    pub max_events: usize,
    /// How many dead letters are kept. At the limit each new one evicts the oldest, which is logged and counted in
    /// `underpin_events_dead_letters_dropped_total`.
    pub max_dead_letters: usize,
    /// The largest event in bytes. As for JetStream, the JSON of the whole event and its headers count, some 200 bytes more than
    /// its data.
    pub max_event_size: usize,
    /// How long a message id is remembered, so that a repeat is dropped. At least the latest half million ids are remembered, and
    /// at most a million.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub duplicate_window: Duration,
    /// The file that every change is written to, and that is read at the next start. Without it the events end with the process.
    pub journal: Option<JournalSettings>,
}

impl MemorySettings {
    setters! {
        /// Sets how many events are kept.
        max_events: usize => max_events;
        /// Sets how many dead letters are kept.
        max_dead_letters: usize => max_dead_letters;
        /// Sets the largest event in bytes.
        max_event_size: usize => max_event_size;
        /// Sets how long a message id is remembered.
        duplicate_window: Duration => duplicate_window;
        /// Sets the journal.
        journal: JournalSettings => Some(journal);
    }
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self {
            max_events: 100_000,
            max_dead_letters: 10_000,
            max_event_size: 1024 * 1024,
            duplicate_window: Duration::from_secs(120),
            journal: None,
        }
    }
}

impl Validate for MemorySettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(self.max_events > 0, "max_events", "must be at least 1");
        checks.ensure(self.max_dead_letters > 0, "max_dead_letters", "must be at least 1");
        checks.ensure(self.max_event_size > 0, "max_event_size", "must be at least 1");
        let longest = Duration::from_secs(366 * 24 * 60 * 60);
        checks.ensure(self.duplicate_window <= longest, "duplicate_window", "must not exceed a year");
        if let Some(journal) = &self.journal {
            checks.nested("journal", journal);
        }
    }
}
