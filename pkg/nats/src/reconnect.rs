use std::time::Duration;

use rand::RngExt;
use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate, duration, setters};

/// The wait between attempts to connect: doubled each time up to a limit, with half of it random.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ReconnectSettings {
    /// The wait after the first failure.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub initial: Duration,
    /// The longest wait.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub max: Duration,
}

/// The longest wait that makes sense: a server that is back should be noticed within minutes.
const LONGEST: Duration = Duration::from_secs(60 * 60);

impl ReconnectSettings {
    /// Waits from `initial` up to `max`.
    pub fn new(initial: Duration, max: Duration) -> Self {
        Self { initial, max }
    }

    setters! {
        /// Sets the wait after the first failure.
        initial: Duration => initial;
        /// Sets the longest wait.
        max: Duration => max;
    }

    /// The wait after that many failures, from 1.
    pub(crate) fn delay(&self, failures: u32) -> Duration {
        let doubled = self.initial.saturating_mul(1 << failures.saturating_sub(1).min(20));
        doubled.min(self.max).mul_f64(rand::rng().random_range(0.5..=1.0))
    }
}

impl Default for ReconnectSettings {
    fn default() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(4))
    }
}

impl Validate for ReconnectSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(!self.initial.is_zero(), "initial", "must be longer than zero");
        checks.ensure(self.initial <= self.max, "max", "must not be shorter than `initial`");
        checks.ensure(self.max <= LONGEST, "max", "must be at most 1h");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_with_jitter_up_to_the_limit() {
        let reconnect = ReconnectSettings::new(Duration::from_millis(100), Duration::from_secs(1));
        for (failures, full) in [(0, 100), (1, 100), (2, 200), (4, 800), (5, 1000), (u32::MAX, 1000)] {
            let delay = reconnect.delay(failures);
            assert!(delay >= Duration::from_millis(full / 2) && delay <= Duration::from_millis(full));
        }
    }
}
