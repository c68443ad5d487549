use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate, duration};

use crate::StoreError;

/// How much a key may take in a window that slides.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_store::Quota;
///
/// let quota = Quota::new(100, Duration::from_secs(60));
/// assert_eq!((quota.limit, quota.window), (100, Duration::from_secs(60)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Quota {
    /// How much may be taken. Zero refuses everything.
    pub limit: u32,
    /// The length of the window, from 1ms to a day.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub window: Duration,
}

impl Quota {
    /// So much in each window.
    pub const fn new(limit: u32, window: Duration) -> Self {
        Self { limit, window }
    }

    /// Whether the window is in range.
    pub(super) fn fits(&self) -> bool {
        (Duration::from_millis(1)..=Duration::from_secs(24 * 60 * 60)).contains(&self.window)
    }
}

impl Default for Quota {
    /// 100 a minute.
    fn default() -> Self {
        Self::new(100, Duration::from_secs(60))
    }
}

impl Validate for Quota {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(self.fits(), "window", "must be from 1ms to a day");
    }
}

/// What a limiter decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateDecision {
    /// How long to wait where it was refused.
    pub retry_after: Option<Duration>,
    /// How much may be taken at once now.
    pub remaining: u32,
    /// After how long the whole limit may be taken again.
    pub reset_after: Duration,
}

impl RateDecision {
    /// It was taken.
    pub const fn allowed(remaining: u32, reset_after: Duration) -> Self {
        Self { retry_after: None, remaining, reset_after }
    }

    /// It was not taken.
    pub const fn refused(retry_after: Duration, remaining: u32, reset_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), remaining, reset_after }
    }

    /// Whether it was taken.
    pub fn is_allowed(&self) -> bool {
        self.retry_after.is_none()
    }
}

/// Limits how much each key takes.
///
/// The window slides: what was taken in the window before counts by the part of it that is still inside, as if it had been taken evenly.
#[async_trait]
pub trait RateLimiter: Send + Sync + 'static {
    /// Takes `cost` for a key if the quota allows it; a refusal takes nothing. A key has one quota: callers that use several put the
    /// name of the quota into the key.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`] for a window out of range, and those of the store below.
    ///
    /// # Cancel safety
    /// It may be taken.
    async fn take(&self, key: &str, cost: u32, quota: &Quota) -> Result<RateDecision, StoreError>;
}

const _: fn(&dyn RateLimiter) = |_| ();

/// What a request gets when the limiter does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnLimiterFailure {
    /// It passes: a lost limiter does not stop the service.
    #[default]
    Pass,
    /// It is refused: what the limit protects matters more than the service.
    Refuse,
}
