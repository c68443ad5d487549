use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate, duration};

use crate::StoreError;

/// How much a cache keeps, and for how long.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_store::CacheSettings;
///
/// let settings = CacheSettings::default().ttl(Duration::from_secs(60)).stale_for(Duration::from_secs(300));
/// assert!(settings.check().is_ok());
/// assert!(settings.capacity(0).check().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CacheSettings {
    /// How many keys are kept in memory.
    pub capacity: u64,
    /// How long a value is fresh, from 1ms to 3650 days.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub ttl: Duration,
    /// By how many percent at most a value is fresh for less, at random, so that values that were loaded together are not reloaded
    /// together. At most 90.
    pub jitter_percent: u32,
    /// How long it is remembered that there is no value; 0 for not at all.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub negative_ttl: Duration,
    /// How long a value that is not fresh any more is given out while a new one is loaded, and while loads fail; 0 for not at all. An
    /// invalidated value is never given out.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub stale_for: Duration,
    /// How long a load may take, from 1ms to an hour.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub load_timeout: Duration,
}

impl CacheSettings {
    underpin_config::setters! {
        /// Sets how many keys are kept in memory.
        capacity: u64 => capacity;
        /// Sets how long a value is fresh.
        ttl: Duration => ttl;
        /// Sets by how many percent at most a value is fresh for less.
        jitter_percent: u32 => jitter_percent;
        /// Sets how long it is remembered that there is no value.
        negative_ttl: Duration => negative_ttl;
        /// Sets how long a value that is not fresh any more is given out.
        stale_for: Duration => stale_for;
        /// Sets how long a load may take.
        load_timeout: Duration => load_timeout;
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`] names the first that is out of range.
    pub fn check(&self) -> Result<(), StoreError> {
        match Checks::of(self).failures().first() {
            Some(failure) => Err(StoreError::option(failure.key(), failure.message())),
            None => Ok(()),
        }
    }
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            ttl: Duration::from_secs(60),
            jitter_percent: 10,
            negative_ttl: Duration::from_secs(5),
            stale_for: Duration::ZERO,
            load_timeout: Duration::from_secs(10),
        }
    }
}

impl Validate for CacheSettings {
    fn validate(&self, checks: &mut Checks) {
        const LONGEST: Duration = Duration::from_secs(3650 * 24 * 60 * 60);
        checks.ensure(self.capacity > 0, "capacity", "must be at least 1");
        checks.ensure(
            (Duration::from_millis(1)..=LONGEST).contains(&self.ttl),
            "ttl",
            "must be from 1ms to 3650 days",
        );
        checks.ensure(self.jitter_percent <= 90, "jitter_percent", "must be at most 90");
        checks.ensure(self.negative_ttl <= LONGEST, "negative_ttl", "must be at most 3650 days");
        checks.ensure(self.stale_for <= LONGEST, "stale_for", "must be at most 3650 days");
        let load = (Duration::from_millis(1)..=Duration::from_secs(3600)).contains(&self.load_timeout);
        checks.ensure(load, "load_timeout", "must be from 1ms to an hour");
    }
}
