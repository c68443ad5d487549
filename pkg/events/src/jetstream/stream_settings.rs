use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{ByteSize, Checks, Validate, duration, setters};

/// 10 years. The server counts ages in nanoseconds with a sign, so that it takes up to 292 years.
const LONGEST: Duration = Duration::from_secs(3650 * 24 * 60 * 60);
/// The shortest age and duplicate window that the server takes.
const SHORTEST: Duration = Duration::from_millis(100);
/// The duplicate window of the stream of dead letters.
pub(super) const DEAD_LETTER_WINDOW: Duration = Duration::from_secs(120);

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
    /// How long an event is kept: longer than `duplicate_window`, at most 3650 days.
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
    /// How long a message id is remembered, so that a repeat is dropped. At least 100ms.
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
    /// How long a dead letter is kept: longer than 2 minutes, at most 3650 days.
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

impl StreamSettings {
    setters! {
        /// Sets the name of the stream.
        name: impl Into<String> => name.into();
        /// Sets what subjects begin with.
        subject_prefix: impl Into<String> => subject_prefix.into();
        /// Sets where it is stored.
        storage: Storage => storage;
        /// Sets how many servers of a cluster keep a copy.
        replicas: usize => replicas;
        /// Sets how long an event is kept.
        max_age: Duration => max_age;
        /// Sets how large the stream may become.
        max_bytes: ByteSize => Some(max_bytes);
        /// Sets how many events it may hold.
        max_messages: u64 => Some(max_messages);
        /// Sets the largest event.
        max_message_size: ByteSize => Some(max_message_size);
        /// Sets what happens when the stream is at one of its limits.
        when_full: WhenFull => when_full;
        /// Sets how long a message id is remembered.
        duplicate_window: Duration => duplicate_window;
    }
}

impl DeadLetterSettings {
    setters! {
        /// Sets the name of the stream.
        stream: impl Into<String> => stream.into();
        /// Sets what subjects begin with.
        subject_prefix: impl Into<String> => subject_prefix.into();
        /// Sets how long a dead letter is kept.
        max_age: Duration => max_age;
    }
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
        checks.ensure(is_name(&self.name), "name", NOT_A_NAME);
        checks.ensure(is_prefix(&self.subject_prefix), "subject_prefix", NOT_A_PREFIX);
        checks.within("replicas", &self.replicas, 1..=5, "must be from 1 to 5");
        // The server takes an age of zero for no limit.
        checks.within("max_age", &self.max_age, SHORTEST..=LONGEST, "must be from 100ms to 3650 days");
        // It keeps limits as signed integers, and takes zero for none.
        let within = |limit: Option<u64>, most: u64| limit.is_none_or(|limit| (1..=most).contains(&limit));
        let bytes = |size: Option<ByteSize>| size.map(ByteSize::bytes);
        let most = i64::MAX.unsigned_abs();
        checks.ensure(within(bytes(self.max_bytes), most), "max_bytes", "must be from 1 byte to 8191 PiB");
        checks.ensure(within(self.max_messages, most), "max_messages", "must be from 1 to 2^63 - 1");
        let size = within(bytes(self.max_message_size), i32::MAX.unsigned_abs().into());
        checks.ensure(size, "max_message_size", "must be from 1 byte to 2 GiB - 1");
        // The server refuses a window that is longer than the age.
        let window = (SHORTEST..self.max_age).contains(&self.duplicate_window);
        checks.ensure(window, "duplicate_window", "must be at least 100ms and shorter than `max_age`");
    }
}

impl Validate for DeadLetterSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(is_name(&self.stream), "stream", NOT_A_NAME);
        checks.ensure(is_prefix(&self.subject_prefix), "subject_prefix", NOT_A_PREFIX);
        let age = self.max_age > DEAD_LETTER_WINDOW && self.max_age <= LONGEST;
        checks.ensure(age, "max_age", "must be longer than 2m and at most 3650 days");
    }
}

const NOT_A_NAME: &str = "must be letters, digits, `-` or `_`";
const NOT_A_PREFIX: &str = "must be dot-separated letters, digits, `-` or `_`";

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn is_prefix(text: &str) -> bool {
    text.split('.').all(is_name)
}
