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
    /// since a replay is stored in it again, and the time that dead letters are kept. The default, 45 days, is a day more than that
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

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Validate for InboxSettings {
    // The retention goes into an SQL interval; the sweeper must neither spin nor never run.
    fn validate(&self, checks: &mut Checks) {
        let retention = Duration::from_millis(1)..=3650 * DAY;
        checks.ensure(retention.contains(&self.retention), "retention", "must be from 1ms to 3650d");
        let pause = Duration::from_millis(10)..=30 * DAY;
        checks.ensure(pause.contains(&self.sweep_every), "sweep_every", "must be from 10ms to 30d");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use underpin_events::jetstream::{DeadLetterSettings, StreamSettings};

    #[test]
    fn a_claim_outlasts_the_last_replay_of_its_event() {
        let (stream, letters) = (StreamSettings::default(), DeadLetterSettings::default());
        // Delivered on its last day, dead-lettered, replayed on the last day of its dead letter, delivered on the last day again.
        let last = stream.max_age + letters.max_age + stream.max_age;
        let margin = Duration::from_secs(24 * 3600);
        assert!(InboxSettings::default().retention >= last + margin, "{last:?}");
    }

    #[test]
    fn extremes_are_refused_by_name() {
        for extreme in [Duration::ZERO, Duration::MAX] {
            let settings = InboxSettings::default().retention(extreme);
            assert_eq!(Checks::of(&settings).failures().first().unwrap().key(), "retention");
            let settings = InboxSettings::default().sweep_every(extreme);
            assert_eq!(Checks::of(&settings).failures().first().unwrap().key(), "sweep_every");
        }
    }
}
