use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{ByteSize, Checks, Validate, duration};

/// The stream of events, as it should be on the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct StreamSettings {
    /// The name of the stream.
    pub name: String,
    /// What subjects begin with: an event of type `order.placed` goes to `<prefix>.order.placed`, a replay of it to
    /// `<prefix>-replay.<subscription>.order.placed`.
    pub subject_prefix: String,
    /// Where it is stored.
    pub storage: Storage,
    /// How many servers of a cluster keep a copy.
    pub replicas: usize,
    /// How long an event is kept.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub max_age: Duration,
    /// How large the stream may become; no limit when absent.
    pub max_bytes: Option<ByteSize>,
    /// How many events it may hold; no limit when absent.
    pub max_messages: Option<u64>,
    /// The largest event; the server's limit when absent.
    pub max_message_size: Option<ByteSize>,
    /// What happens when the stream is at one of its limits.
    pub when_full: WhenFull,
    /// How long a message id is remembered, so that a repeat is dropped.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub duplicate_window: Duration,
}

/// The stream of dead letters, as it should be on the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DeadLetterSettings {
    /// The name of the stream.
    pub stream: String,
    /// What subjects begin with: a dead letter goes to `<prefix>.<subscription>.<type>`.
    pub subject_prefix: String,
    /// How long a dead letter is kept.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub max_age: Duration,
}

/// Where a stream is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Storage {
    /// In files: events survive the server.
    #[default]
    File,
    /// In memory: a server that ends takes every event with it, acknowledged or not.
    Memory,
}

/// What happens when a stream is at one of its limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WhenFull {
    /// Publishing fails with `StreamFull`: nothing stored is lost.
    #[default]
    Refuse,
    /// The oldest event goes, whether or not it was handled.
    DropOldest,
}

/// What may be done to streams and consumers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TopologyMode {
    /// Create what is missing and change what differs, then read it back and compare.
    #[default]
    Apply,
    /// Compare only; a difference is an error. For production where somebody else owns the streams.
    Verify,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            name: "EVENTS".to_owned(),
            subject_prefix: "events".to_owned(),
            storage: Storage::File,
            replicas: 1,
            max_age: Duration::from_secs(7 * 24 * 60 * 60),
            max_bytes: None,
            max_messages: None,
            max_message_size: None,
            when_full: WhenFull::Refuse,
            duplicate_window: Duration::from_secs(120),
        }
    }
}

impl Default for DeadLetterSettings {
    fn default() -> Self {
        Self {
            stream: "EVENTS_DEAD".to_owned(),
            subject_prefix: "events-dead".to_owned(),
            max_age: Duration::from_secs(30 * 24 * 60 * 60),
        }
    }
}

impl Validate for StreamSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(is_name(&self.name), "name", "must be letters, digits, `-` or `_`");
        checks.ensure(
            is_prefix(&self.subject_prefix),
            "subject_prefix",
            "must be dot-separated letters, digits, `-` or `_`",
        );
        checks.ensure((1..=5).contains(&self.replicas), "replicas", "must be from 1 to 5");
        checks.ensure(
            self.max_age > self.duplicate_window,
            "max_age",
            "must be longer than `duplicate_window`",
        );
        checks.ensure(
            self.duplicate_window >= Duration::from_millis(100),
            "duplicate_window",
            "must be at least 100ms",
        );
    }
}

impl Validate for DeadLetterSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(is_name(&self.stream), "stream", "must be letters, digits, `-` or `_`");
        checks.ensure(
            is_prefix(&self.subject_prefix),
            "subject_prefix",
            "must be dot-separated letters, digits, `-` or `_`",
        );
        checks.ensure(self.max_age > Duration::from_secs(120), "max_age", "must be longer than 2m");
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn is_prefix(text: &str) -> bool {
    text.split('.').all(is_name)
}
