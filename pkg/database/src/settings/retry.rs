use std::time::Duration;

use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate};

/// How often and after which pauses something is tried again: exponential back-off with full jitter.
///
/// The pause before retry `n` is drawn evenly from zero to `initial * 2^n`, never above `max` (AWS Architecture Blog,
/// "Exponential Backoff And Jitter").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RetrySettings {
    /// Attempts after the first one.
    pub max_retries: u32,
    /// The longest first pause.
    #[serde(with = "underpin_config::duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub initial: Duration,
    /// The longest pause of all.
    #[serde(with = "underpin_config::duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub max: Duration,
}

/// Clocks and timers overflow with durations that are longer by far.
pub(super) const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl RetrySettings {
    /// Retries `max_retries` times, with the default pauses.
    pub fn times(max_retries: u32) -> Self {
        Self { max_retries, ..Self::default() }
    }

    /// Sets how many attempts follow the first one.
    #[must_use]
    pub fn max_retries(self, max_retries: u32) -> Self {
        Self { max_retries, ..self }
    }

    /// Sets the longest first pause.
    #[must_use]
    pub fn initial(self, initial: Duration) -> Self {
        Self { initial, ..self }
    }

    /// Sets the longest pause of all.
    #[must_use]
    pub fn max(self, max: Duration) -> Self {
        Self { max, ..self }
    }

    /// The longest pause before retry `retry`, counted from 0.
    pub(crate) fn ceiling(&self, retry: u32) -> Duration {
        // The product of the longest duration and a number just below one overflows.
        self.initial.saturating_mul(2u32.saturating_pow(retry)).min(self.max).min(LONGEST)
    }

    /// The pause before retry `retry`, counted from 0.
    pub(crate) fn pause(&self, retry: u32) -> Duration {
        self.ceiling(retry).mul_f64(rand::rng().random::<f64>())
    }
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self { max_retries: 5, initial: Duration::from_millis(200), max: Duration::from_secs(5) }
    }
}

impl Validate for RetrySettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(self.initial <= self.max, "initial", "must not exceed `max`");
        checks.ensure(self.max <= LONGEST, "max", "must be at most 365 days");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_vary_below_it() {
        let retry = RetrySettings::default();
        let ceilings: Vec<u128> = (0..7).map(|n| retry.ceiling(n).as_millis()).collect();
        assert_eq!(ceilings, [200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(retry.ceiling(u32::MAX), retry.max);
        let pauses: Vec<Duration> = (0..100).map(|_| retry.pause(3)).collect();
        assert!(pauses.iter().all(|pause| *pause <= retry.ceiling(3)));
        let mut distinct = pauses.clone();
        distinct.sort();
        distinct.dedup();
        assert!(distinct.len() > 90, "full jitter draws evenly");
        assert!(pauses.iter().any(|pause| *pause < retry.ceiling(3) / 4));
    }
}
