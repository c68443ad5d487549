use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate, duration};

/// How long the inbox remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct InboxSettings {
    /// How long a claim is kept. It must be longer than an event can take to come again: twice the age limit of the stream,
    /// since a replay is stored in it anew, and what dead letters are kept for. The default, 45 days, is a day more than that
    /// at the defaults of the JetStream backend, 7 and 30 days.
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
        Self { retention: Duration::from_secs(45 * 24 * 3600), sweep_every: Duration::from_secs(600) }
    }
}

impl Validate for InboxSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(!self.retention.is_zero(), "retention", "must be longer than zero");
        checks.ensure(!self.sweep_every.is_zero(), "sweep_every", "must be longer than zero");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use underpin_events::jetstream::{DeadLetterSettings, StreamSettings};

    #[test]
    fn a_claim_outlasts_the_last_replay_of_its_event() {
        let (stream, letters) = (StreamSettings::default(), DeadLetterSettings::default());
        // Delivered on its last day, put aside, replayed on the last day of its dead letter, delivered on the last day again.
        let last = stream.max_age + letters.max_age + stream.max_age;
        let margin = Duration::from_secs(24 * 3600);
        assert!(InboxSettings::default().retention >= last + margin, "{last:?}");
    }
}
