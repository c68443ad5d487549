use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate, duration};

/// Settings of callers and hosts.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_rpc::RpcSettings;
///
/// let settings = RpcSettings::default().retries(5).retry_delay(Duration::from_millis(20));
/// assert_eq!((settings.retries, settings.retry_delay.as_millis()), (5, 20));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RpcSettings {
    /// How often an idempotent call is repeated at most. Zero turns retries off.
    pub retries: u32,
    /// The wait before the first retry; it doubles with each, with a jitter of a half.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub retry_delay: Duration,
    /// The longest wait between two attempts.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub retry_delay_max: Duration,
}

impl RpcSettings {
    /// Sets how often an idempotent call is repeated at most.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Sets the wait before the first retry.
    #[must_use]
    pub fn retry_delay(mut self, delay: Duration) -> Self {
        self.retry_delay = delay;
        self
    }

    /// Sets the longest wait between two attempts.
    #[must_use]
    pub fn retry_delay_max(mut self, delay: Duration) -> Self {
        self.retry_delay_max = delay;
        self
    }
}

impl Default for RpcSettings {
    fn default() -> Self {
        Self { retries: 3, retry_delay: Duration::from_millis(50), retry_delay_max: Duration::from_secs(1) }
    }
}

impl Validate for RpcSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(self.retries <= 20, "retries", "must be at most 20");
        let range = Duration::from_millis(1)..=Duration::from_secs(60);
        checks.ensure(range.contains(&self.retry_delay), "retry_delay", "must be from 1ms to 60s");
        checks.ensure(range.contains(&self.retry_delay_max), "retry_delay_max", "must be from 1ms to 60s");
    }
}
