use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate, duration, setters};

use crate::Backoff;

const MILLISECOND: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How events are published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PublishSettings {
    /// How many events may be in flight at once.
    pub window: usize,
    /// The absolute deadline of one publish with all its retries, at most a day.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub timeout: Duration,
    /// How long one attempt waits for its acknowledgement before the next begins, at most `timeout`.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub ack_timeout: Duration,
    /// How many retries after the first attempt, at most 3.
    pub retries: u32,
    /// The wait between attempts.
    pub backoff: Backoff,
    /// How an event is written.
    pub mode: ContentMode,
}

/// How an event is written on the wire. Readers tell the two apart by the `ce-specversion` header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ContentMode {
    /// One JSON document (NATS protocol binding 1.0.2).
    #[default]
    Structured,
    /// Attributes as `ce-` headers and the payload as it is (1.0.3-wip).
    Binary,
}

impl PublishSettings {
    setters! {
        /// Sets how many events may be in flight at once.
        window: usize => window;
        /// Sets the absolute deadline of one publish with all its retries.
        timeout: Duration => timeout;
        /// Sets how long one attempt waits for its acknowledgement.
        ack_timeout: Duration => ack_timeout;
        /// Sets how many retries follow the first attempt.
        retries: u32 => retries;
        /// Sets the wait between attempts.
        backoff: Backoff => backoff;
        /// Sets how an event is written.
        mode: ContentMode => mode;
    }
}

impl Default for PublishSettings {
    fn default() -> Self {
        Self {
            window: 1024,
            timeout: Duration::from_secs(10),
            ack_timeout: Duration::from_millis(2500),
            retries: 3,
            // Three waits outlast the election of a cluster's new leader.
            backoff: Backoff::new(Duration::from_millis(250), Duration::from_secs(2)),
            mode: ContentMode::default(),
        }
    }
}

impl Validate for PublishSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.within("window", &self.window, 1..=65_536, "must be from 1 to 65536");
        checks.within("timeout", &self.timeout, MILLISECOND..=DAY, "must be from 1ms to 1 day");
        // An attempt that waited longer would end at the deadline, without a retry.
        let ack_timeout = MILLISECOND..=self.timeout;
        checks.within("ack_timeout", &self.ack_timeout, ack_timeout, "must be from 1ms to `timeout`");
        checks.ensure(self.retries <= 3, "retries", "must be at most 3");
        checks.nested("backoff", &self.backoff);
    }
}
