use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{ByteSize, Checks, Validate, duration};

/// How jobs are enqueued and looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct JobsSettings {
    /// The largest payload, encoded as JSON. At most 16 MiB.
    pub max_payload: ByteSize,
    /// The limit for one call of the database. From 10 ms to an hour.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub database_timeout: Duration,
}

impl JobsSettings {
    underpin_config::setters! {
        /// Sets the largest payload.
        max_payload: ByteSize => max_payload;
        /// Sets the limit for one call of the database.
        database_timeout: Duration => database_timeout;
    }
}

impl Default for JobsSettings {
    fn default() -> Self {
        Self { max_payload: ByteSize::kib(256), database_timeout: Duration::from_secs(10) }
    }
}

impl Validate for JobsSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.within("max_payload", &self.max_payload.bytes(), 1..=16 << 20, "must be from 1 B to 16 MiB");
        let range = Duration::from_millis(10)..=Duration::from_secs(3600);
        checks.within("database_timeout", &self.database_timeout, range, "must be from 10ms to 1h");
    }
}

/// How workers work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct WorkersSettings {
    /// Attempts that the process runs at once in a queue without its own limit. From 1 to 10,000.
    pub concurrency: u32,
    /// Jobs that one statement claims, at most. From 1 to 1,000.
    pub batch: u32,
    /// How long a job stays with a process that does not renew its lease: how long it waits after a `kill -9`. From 1 s to a
    /// day.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub lease: Duration,
    /// The longest pause between two polls that find nothing: how late a lost wake-up is made good. From 1 ms to an hour.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub poll: Duration,
    /// Lost attempts after which a job is dead: a job that kills its process must end. From 0 to 1,000.
    pub rescues: u32,
    /// How long a handler has to end after a cancellation, before its future is dropped. From 0 to an hour.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub cancel_grace: Duration,
    /// How long ended jobs stay visible. From 0 to ten years.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub keep_history: Duration,
    /// How long the oldest ready job may wait before health is degraded. Longer than zero.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub lag_warning: Duration,
}

impl WorkersSettings {
    underpin_config::setters! {
        /// Sets how many attempts run at once in a queue without its own limit.
        concurrency: u32 => concurrency;
        /// Sets how many jobs one statement claims.
        batch: u32 => batch;
        /// Sets how long a job stays with a process that does not renew its lease.
        lease: Duration => lease;
        /// Sets the longest pause between two polls.
        poll: Duration => poll;
        /// Sets after how many lost attempts a job is dead.
        rescues: u32 => rescues;
        /// Sets how long a handler has to end after a cancellation.
        cancel_grace: Duration => cancel_grace;
        /// Sets how long ended jobs stay visible.
        keep_history: Duration => keep_history;
        /// Sets how long the oldest ready job may wait before health is degraded.
        lag_warning: Duration => lag_warning;
    }
}

impl Default for WorkersSettings {
    fn default() -> Self {
        Self {
            concurrency: 16,
            batch: 64,
            lease: Duration::from_secs(30),
            poll: Duration::from_secs(2),
            rescues: 3,
            cancel_grace: Duration::from_secs(10),
            keep_history: Duration::from_secs(7 * 24 * 3600),
            lag_warning: Duration::from_secs(300),
        }
    }
}

impl Validate for WorkersSettings {
    fn validate(&self, checks: &mut Checks) {
        let (ms, hour, day) =
            (Duration::from_millis(1), Duration::from_secs(3600), Duration::from_secs(86_400));
        checks.within("concurrency", &self.concurrency, 1..=10_000, "must be from 1 to 10000");
        checks.within("batch", &self.batch, 1..=1000, "must be from 1 to 1000");
        checks.within("lease", &self.lease, Duration::from_secs(1)..=day, "must be from 1s to 1d");
        checks.within("poll", &self.poll, ms..=hour, "must be from 1ms to 1h");
        checks.within("rescues", &self.rescues, 0..=1000, "must be from 0 to 1000");
        checks.within("cancel_grace", &self.cancel_grace, ..=hour, "must be at most 1h");
        checks.within("keep_history", &self.keep_history, ..=day * 3650, "must be at most 3650d");
        checks.wait("lag_warning", self.lag_warning);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_limits_are_checked() {
        assert!(Checks::of(&WorkersSettings::default()).failures().is_empty());
        assert!(Checks::of(&JobsSettings::default()).failures().is_empty());
        let wrong = WorkersSettings::default()
            .concurrency(0)
            .batch(0)
            .lease(Duration::ZERO)
            .poll(Duration::ZERO)
            .rescues(1001)
            .cancel_grace(Duration::MAX)
            .keep_history(Duration::MAX)
            .lag_warning(Duration::ZERO);
        assert_eq!(Checks::of(&wrong).failures().len(), 8);
        let wrong =
            JobsSettings::default().max_payload(ByteSize::kib(1 << 20)).database_timeout(Duration::ZERO);
        assert_eq!(Checks::of(&wrong).failures().len(), 2);
    }
}
