use serde::{Deserialize, Serialize};
use underpin_config::{ByteSize, Checks, Validate};

/// What producers, relays and operators of one outbox must agree on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OutboxSettings {
    /// The largest event taken, encoded. At most 64 MiB. Keep it at or below what the broker takes (NATS: `max_payload`,
    /// 1 MiB by default): then the producer gets the error, and no event ends in quarantine for it.
    pub max_event: ByteSize,
    /// What happens to the later events of a key after one of them was put into quarantine.
    pub after_quarantine: AfterQuarantine,
}

/// What happens to the later events of a key after one of them was put into quarantine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AfterQuarantine {
    /// They go on. Readers see a gap; a replay fills it out of order.
    #[default]
    Continue,
    /// They wait until the event is replayed or discarded, which keeps the order.
    Hold,
}

impl OutboxSettings {
    /// Sets the largest event taken.
    #[must_use]
    pub fn max_event(self, max_event: ByteSize) -> Self {
        Self { max_event, ..self }
    }

    /// Sets what happens to the later events of a key after a quarantine.
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
        // The server's own limit of `max_payload`.
        let limit = ByteSize::mib(64).bytes();
        checks.ensure((1..=limit).contains(&self.max_event.bytes()), "max_event", "must be from 1B to 64MiB");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_read_from_text() {
        assert!(Checks::of(&OutboxSettings::default()).failures().is_empty());
        let outbox: OutboxSettings = serde_json::from_str(r#"{"after_quarantine":"hold"}"#).unwrap();
        assert_eq!(outbox.after_quarantine, AfterQuarantine::Hold);
    }

    #[test]
    fn an_event_that_no_broker_takes_is_no_limit() {
        for size in [ByteSize::kib(0), ByteSize::mib(65)] {
            let settings = OutboxSettings::default().max_event(size);
            assert_eq!(Checks::of(&settings).failures().first().unwrap().key(), "max_event");
        }
    }
}
