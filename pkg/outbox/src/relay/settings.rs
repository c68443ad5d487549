use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{ByteSize, Checks, Validate, duration};
use underpin_events::Backoff;

/// How a relay works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RelaySettings {
    /// Tasks that work side by side, each on its own partitions: while one waits for the broker another waits for the
    /// database. From 1 to 32.
    pub workers: u32,
    /// Events that a worker fetches at once, at most. From 1 to 65,536.
    pub batch: u32,
    /// Bytes of events that a worker fetches at once, about. At most 1 GiB.
    pub batch_bytes: ByteSize,
    /// How long a partition stays with a relay that does not renew its lease: how long its events wait after a `kill -9`.
    /// From 200 ms to an hour.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub lease: Duration,
    /// The longest pause between two polls of a relay that finds nothing: how late a lost wake-up is made good. From 1 ms
    /// to an hour.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub poll: Duration,
    /// The limit for one publish; what is not confirmed by then is published again. From 1 ms to half the lease.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub publish_timeout: Duration,
    /// The limit for one statement. From 1 ms to an hour.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub database_timeout: Duration,
    /// The pauses of an event that fails while others are confirmed, counted from its failure. At most a day.
    pub event_backoff: Backoff,
    /// The pauses of a worker while the database or the broker does not answer. From 1 ms to an hour.
    pub outage_backoff: Backoff,
    /// Failures of an event after which it is put into quarantine; outages of the broker do not count. An event that can never be published (too large,
    /// not decodable) goes there at once. At most a million.
    pub max_attempts: u32,
    /// How long published events stay in `underpin_outbox_sent`, at most ten years; without it they are deleted at once.
    #[serde(with = "duration::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<underpin_config::schema::DurationText>"))]
    pub keep_sent: Option<Duration>,
    /// The age of the oldest waiting event from which on health is degraded. Longer than zero.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub lag_warning: Duration,
}

impl RelaySettings {
    /// Sets the number of workers.
    #[must_use]
    pub fn workers(self, workers: u32) -> Self {
        Self { workers, ..self }
    }

    /// Sets how many events a worker fetches at once.
    #[must_use]
    pub fn batch(self, batch: u32) -> Self {
        Self { batch, ..self }
    }

    /// Sets how many bytes of events a worker fetches at once.
    #[must_use]
    pub fn batch_bytes(self, batch_bytes: ByteSize) -> Self {
        Self { batch_bytes, ..self }
    }

    /// Sets how long a partition stays with a relay that does not renew its lease.
    #[must_use]
    pub fn lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// Sets the longest pause between two polls.
    #[must_use]
    pub fn poll(self, poll: Duration) -> Self {
        Self { poll, ..self }
    }

    /// Sets the limit for one publish.
    #[must_use]
    pub fn publish_timeout(self, publish_timeout: Duration) -> Self {
        Self { publish_timeout, ..self }
    }

    /// Sets the limit for one statement.
    #[must_use]
    pub fn database_timeout(self, database_timeout: Duration) -> Self {
        Self { database_timeout, ..self }
    }

    /// Sets the pauses of an event that fails.
    #[must_use]
    pub fn event_backoff(self, event_backoff: Backoff) -> Self {
        Self { event_backoff, ..self }
    }

    /// Sets the pauses of a worker during an outage.
    #[must_use]
    pub fn outage_backoff(self, outage_backoff: Backoff) -> Self {
        Self { outage_backoff, ..self }
    }

    /// Sets after how many failures an event is put into quarantine.
    #[must_use]
    pub fn max_attempts(self, max_attempts: u32) -> Self {
        Self { max_attempts, ..self }
    }

    /// Sets how long published events stay in `underpin_outbox_sent`.
    #[must_use]
    pub fn keep_sent(self, keep_sent: impl Into<Option<Duration>>) -> Self {
        Self { keep_sent: keep_sent.into(), ..self }
    }

    /// Sets the age of the oldest waiting event from which on health is degraded.
    #[must_use]
    pub fn lag_warning(self, lag_warning: Duration) -> Self {
        Self { lag_warning, ..self }
    }
}

impl Default for RelaySettings {
    fn default() -> Self {
        Self {
            workers: 4,
            batch: 512,
            batch_bytes: ByteSize::mib(16),
            lease: Duration::from_secs(15),
            poll: Duration::from_secs(1),
            publish_timeout: Duration::from_secs(5),
            database_timeout: Duration::from_secs(10),
            event_backoff: Backoff::new(Duration::from_millis(500), Duration::from_secs(60)),
            outage_backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(5)),
            max_attempts: 20,
            keep_sent: None,
            lag_warning: Duration::from_secs(60),
        }
    }
}

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Validate for RelaySettings {
    // Durations go into SQL intervals and are added to the clock, so each has an upper limit; a pause has a lower one, so
    // that a worker never spins.
    fn validate(&self, checks: &mut Checks) {
        checks.ensure((1..=32).contains(&self.workers), "workers", "must be from 1 to 32");
        checks.ensure((1..=65_536).contains(&self.batch), "batch", "must be from 1 to 65536");
        let bytes = 1..=ByteSize::mib(1024).bytes();
        checks.ensure(bytes.contains(&self.batch_bytes.bytes()), "batch_bytes", "must be from 1B to 1GiB");
        let lease = Duration::from_millis(200)..=HOUR;
        checks.ensure(lease.contains(&self.lease), "lease", "must be from 200ms to 1h");
        checks.ensure((MILLISECOND..=HOUR).contains(&self.poll), "poll", "must be from 1ms to 1h");
        checks.ensure(self.publish_timeout >= MILLISECOND, "publish_timeout", "must be at least 1ms");
        checks.ensure(
            self.publish_timeout <= self.lease / 2,
            "publish_timeout",
            "must be at most half of `lease`",
        );
        let statement = MILLISECOND..=HOUR;
        checks.ensure(
            statement.contains(&self.database_timeout),
            "database_timeout",
            "must be from 1ms to 1h",
        );
        checks.nested("event_backoff", &self.event_backoff);
        checks.ensure(self.event_backoff.max <= DAY, "event_backoff.max", "must be at most 1d");
        checks.nested("outage_backoff", &self.outage_backoff);
        checks.ensure(
            self.outage_backoff.initial >= MILLISECOND,
            "outage_backoff.initial",
            "must be at least 1ms",
        );
        checks.ensure(self.outage_backoff.max <= HOUR, "outage_backoff.max", "must be at most 1h");
        let attempts = 1..=1_000_000;
        checks.ensure(attempts.contains(&self.max_attempts), "max_attempts", "must be from 1 to 1000000");
        let kept = self.keep_sent.is_none_or(|keep| (MILLISECOND..=3650 * DAY).contains(&keep));
        checks.ensure(kept, "keep_sent", "must be from 1ms to 3650d");
        checks.ensure(!self.lag_warning.is_zero(), "lag_warning", "must be longer than zero");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(settings: &RelaySettings) -> Option<String> {
        Checks::of(settings).failures().first().map(|failure| failure.key().to_owned())
    }

    #[test]
    fn the_defaults_are_valid_and_read_from_text() {
        assert_eq!(refused(&RelaySettings::default()), None);
        let text = r#"{"lease":"30s","keep_sent":"1h","event_backoff":{"initial":"1s","max":"2m"}}"#;
        let settings: RelaySettings = serde_json::from_str(text).unwrap();
        assert_eq!(settings.keep_sent, Some(Duration::from_secs(3600)));
        assert_eq!(settings.event_backoff.max, Duration::from_secs(120));
        assert!(serde_json::from_str::<RelaySettings>(r#"{"leese":"30s"}"#).is_err());
    }

    #[test]
    fn a_publish_that_could_outlive_its_lease_is_refused() {
        let settings = RelaySettings::default().lease(Duration::from_secs(4));
        assert_eq!(refused(&settings).as_deref(), Some("publish_timeout"));
    }

    #[test]
    fn extremes_are_refused_by_name() {
        let (most, least) = (Duration::MAX, Duration::from_nanos(1));
        let base = RelaySettings::default;
        for (settings, key) in [
            (base().workers(0), "workers"),
            (base().workers(u32::MAX), "workers"),
            (base().batch(0), "batch"),
            (base().batch(u32::MAX), "batch"),
            (base().batch_bytes(ByteSize::kib(0)), "batch_bytes"),
            (base().batch_bytes(ByteSize::mib(1 << 40)), "batch_bytes"),
            (base().lease(most), "lease"),
            (base().lease(least).publish_timeout(Duration::ZERO), "lease"),
            (base().poll(most), "poll"),
            (base().poll(least), "poll"),
            (base().publish_timeout(most), "publish_timeout"),
            (base().publish_timeout(least), "publish_timeout"),
            (base().database_timeout(most), "database_timeout"),
            (base().database_timeout(least), "database_timeout"),
            (base().event_backoff(Backoff::new(least, most)), "event_backoff.max"),
            (base().outage_backoff(Backoff::new(least, HOUR)), "outage_backoff.initial"),
            (base().outage_backoff(Backoff::new(HOUR, most)), "outage_backoff.max"),
            (base().max_attempts(0), "max_attempts"),
            (base().max_attempts(u32::MAX), "max_attempts"),
            (base().keep_sent(most), "keep_sent"),
            (base().keep_sent(Duration::ZERO), "keep_sent"),
            (base().lag_warning(Duration::ZERO), "lag_warning"),
        ] {
            assert!(
                refused(&settings).is_some_and(|refused| refused.starts_with(key)),
                "{key}: {settings:?}"
            );
        }
    }
}
