use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{ByteSize, Checks, Validate, duration};

use underpin_events::Backoff;

/// What producers, relays and operators of one outbox must agree on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OutboxSettings {
    /// The largest event taken, encoded. Keep it at or below what the broker takes (NATS: `max_payload`, 1 MiB by
    /// default), so that the producer hears of an event that is too large, and not the operator.
    pub max_event: ByteSize,
    /// What becomes of the later events of a key when one of them is put into quarantine.
    pub after_quarantine: AfterQuarantine,
}

/// What becomes of the later events of a key when one of them is put into quarantine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AfterQuarantine {
    /// They go on. Readers see a gap; a replay fills it out of order.
    #[default]
    Continue,
    /// They wait until the event is replayed or discarded. Order is kept whatever it costs.
    Hold,
}

impl OutboxSettings {
    /// Sets the largest event taken.
    #[must_use]
    pub fn max_event(self, max_event: ByteSize) -> Self {
        Self { max_event, ..self }
    }

    /// Sets what becomes of the later events of a key after a quarantine.
    #[must_use]
    pub fn after_quarantine(self, after_quarantine: AfterQuarantine) -> Self {
        Self { after_quarantine, ..self }
    }
}

impl Default for OutboxSettings {
    fn default() -> Self {
        // 16 KiB below the default of NATS, for the subject and the headers.
        Self { max_event: ByteSize::kib(1008), after_quarantine: AfterQuarantine::default() }
    }
}

impl Validate for OutboxSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(self.max_event.bytes() > 0, "max_event", "must be larger than zero");
    }
}

/// How a relay works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RelaySettings {
    /// Loops that work side by side, each on lanes of its own: while one waits for the broker another waits for the
    /// database. At most 32.
    pub workers: u32,
    /// Events that a worker takes from the table at once, at most.
    pub batch: u32,
    /// Bytes of events that a worker takes from the table at once, about.
    pub batch_bytes: ByteSize,
    /// How long a lane stays with a relay that is not heard of any more: how long its events wait after a `kill -9`.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub lease: Duration,
    /// How long a quiet relay sleeps when nothing wakes it. Also how late a lost wake-up is made good at most.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub poll: Duration,
    /// The limit for publishing one batch; what is not confirmed by then is published again. At most half the lease.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub publish_timeout: Duration,
    /// The limit for one statement.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub database_timeout: Duration,
    /// The pauses of one event that fails while others go through, counted from its failure.
    pub event_backoff: Backoff,
    /// The pauses of the whole relay while the database or the broker does not answer.
    pub outage_backoff: Backoff,
    /// After how many failures of its own an event is put into quarantine. An event that can never be published (too
    /// large, not decodable) goes there at once.
    pub max_attempts: u32,
    /// How long sent events stay in `underpin_outbox_sent`; they are deleted at once without it.
    #[serde(with = "duration::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<underpin_config::schema::DurationText>"))]
    pub keep_sent: Option<Duration>,
    /// The age of the oldest waiting event from which on health says degraded.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub lag_warning: Duration,
}

impl RelaySettings {
    /// How often a relay renews its leases.
    pub(crate) fn heartbeat(&self) -> Duration {
        self.lease / 4
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

impl Validate for RelaySettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure((1..=32).contains(&self.workers), "workers", "must be from 1 to 32");
        checks.ensure((1..=65_536).contains(&self.batch), "batch", "must be from 1 to 65536");
        checks.ensure(self.batch_bytes.bytes() > 0, "batch_bytes", "must be larger than zero");
        checks.ensure(self.lease >= Duration::from_millis(200), "lease", "must be at least 200ms");
        checks.ensure(!self.poll.is_zero(), "poll", "must be longer than zero");
        checks.ensure(!self.publish_timeout.is_zero(), "publish_timeout", "must be longer than zero");
        checks.ensure(
            self.publish_timeout <= self.lease / 2,
            "publish_timeout",
            "must be at most half of `lease`",
        );
        checks.ensure(!self.database_timeout.is_zero(), "database_timeout", "must be longer than zero");
        checks.nested("event_backoff", &self.event_backoff);
        checks.nested("outage_backoff", &self.outage_backoff);
        checks.ensure(self.max_attempts > 0, "max_attempts", "must be at least 1");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_read_from_text() {
        assert!(Checks::of(&OutboxSettings::default()).failures().is_empty());
        assert!(Checks::of(&RelaySettings::default()).failures().is_empty());
        let text = r#"{"lease":"30s","keep_sent":"1h","event_backoff":{"initial":"1s","max":"2m"}}"#;
        let settings: RelaySettings = serde_json::from_str(text).unwrap();
        assert_eq!(settings.keep_sent, Some(Duration::from_secs(3600)));
        assert_eq!(settings.event_backoff.max, Duration::from_secs(120));
        let outbox: OutboxSettings = serde_json::from_str(r#"{"after_quarantine":"hold"}"#).unwrap();
        assert_eq!(outbox.after_quarantine, AfterQuarantine::Hold);
        assert!(serde_json::from_str::<RelaySettings>(r#"{"leese":"30s"}"#).is_err());
    }

    #[test]
    fn a_publish_that_could_outlive_its_lease_is_refused() {
        let settings = RelaySettings { lease: Duration::from_secs(4), ..RelaySettings::default() };
        let checks = Checks::of(&settings);
        assert_eq!(checks.failures().first().unwrap().key(), "publish_timeout");
    }
}
