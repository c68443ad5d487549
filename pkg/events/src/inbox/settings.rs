use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate, duration};

/// How long the inbox remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct InboxSettings {
    /// How long a claim is kept. It must be longer than an event can take to come again: the age limit of the stream, or
    /// how long dead letters are replayed after.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub retention: Duration,
    /// How often a [sweeper](super::InboxSweeper) deletes older claims.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub sweep_every: Duration,
}

impl InboxSettings {
    /// Sets how long a claim is kept.
    #[must_use]
    pub fn retention(self, retention: Duration) -> Self {
        Self { retention, ..self }
    }

    /// Sets how often a sweeper runs.
    #[must_use]
    pub fn sweep_every(self, sweep_every: Duration) -> Self {
        Self { sweep_every, ..self }
    }
}

impl Default for InboxSettings {
    fn default() -> Self {
        Self { retention: Duration::from_secs(14 * 24 * 3600), sweep_every: Duration::from_secs(600) }
    }
}

impl Validate for InboxSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(!self.retention.is_zero(), "retention", "must be longer than zero");
        checks.ensure(!self.sweep_every.is_zero(), "sweep_every", "must be longer than zero");
    }
}
