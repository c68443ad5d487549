use std::time::Duration;

use rand::RngExt;
use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate, duration, setters};

/// The wait before the next attempt: doubled each time up to a limit, with half of it random, so that many waiters do not
/// return at the same moment.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_events::Backoff;
///
/// let backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(60));
/// assert!(backoff.delay(1) <= Duration::from_millis(200));
/// assert!((Duration::from_secs(30)..=Duration::from_secs(60)).contains(&backoff.delay(100)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Backoff {
    /// The wait after the first failure.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub initial: Duration,
    /// The longest wait.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub max: Duration,
}

impl Backoff {
    /// A back-off from `initial` up to `max`.
    pub fn new(initial: Duration, max: Duration) -> Self {
        Self { initial, max }
    }

    setters! {
        /// Sets the wait after the first failure.
        initial: Duration => initial;
        /// Sets the longest wait.
        max: Duration => max;
    }

    /// The wait after that many failures, from 1: between half and all of `initial * 2^(failures - 1)`, capped.
    pub fn delay(&self, failures: u32) -> Duration {
        let factor = 1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let full = self.initial.saturating_mul(factor).min(self.max);
        let nanos = u64::try_from(full.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(rand::rng().random_range(nanos / 2..=nanos))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_millis(200), Duration::from_secs(30))
    }
}

impl Validate for Backoff {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(!self.initial.is_zero(), "initial", "must be longer than zero");
        checks.ensure(self.initial <= self.max, "max", "must not be shorter than `initial`");
        let longest = Duration::from_secs(30 * 24 * 60 * 60);
        checks.ensure(self.max <= longest, "max", "must not exceed 30 days");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_with_jitter_up_to_the_limit() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        for (failures, full) in
            [(0, 100), (1, 100), (2, 200), (3, 400), (5, 1000), (40, 1000), (u32::MAX, 1000)]
        {
            for _ in 0..50 {
                let delay = backoff.delay(failures);
                assert!(delay >= Duration::from_millis(full / 2) && delay <= Duration::from_millis(full));
            }
        }
        let delays: std::collections::HashSet<_> = (0..20).map(|_| backoff.delay(1)).collect();
        assert!(delays.len() > 1, "there is no jitter");
    }
}
