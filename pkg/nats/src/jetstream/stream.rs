use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::message::time_of;

/// What `STREAM.INFO` answers.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct StreamInfo {
    /// The configuration, under the server's names.
    pub config: Map<String, Value>,
    /// When the stream was created: it distinguishes streams that had one name one after the other.
    pub created: String,
    /// What is stored.
    pub state: StreamState,
    ts: Option<String>,
}

/// What a stream holds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[non_exhaustive]
pub struct StreamState {
    /// How many messages.
    pub messages: u64,
    /// Their size.
    pub bytes: u64,
    /// The sequence of the last message, removed or not.
    pub last_seq: u64,
}

impl StreamInfo {
    /// The time of the answer, by the server's clock.
    pub fn now(&self) -> SystemTime {
        self.ts.as_deref().map_or_else(SystemTime::now, time_of)
    }

    /// A number of the configuration; 0 when it is absent.
    pub fn number(&self, field: &str) -> u64 {
        self.config.get(field).and_then(Value::as_u64).unwrap_or(0)
    }

    /// A duration of the configuration; none when it is absent or 0.
    pub fn duration(&self, field: &str) -> Option<Duration> {
        Some(Duration::from_nanos(self.number(field))).filter(|duration| !duration.is_zero())
    }

    /// A flag of the configuration.
    pub fn flag(&self, field: &str) -> bool {
        self.config.get(field).and_then(Value::as_bool).unwrap_or(false)
    }
}

/// A duration as the server writes it.
pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
