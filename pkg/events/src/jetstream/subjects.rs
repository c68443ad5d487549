//! Where events, replays and dead letters go.

use super::stream_settings::{DeadLetterSettings, StreamSettings};
use crate::SubscribeOptions;

impl StreamSettings {
    pub(super) fn subject_of(&self, ty: &str) -> String {
        format!("{}.{ty}", self.subject_prefix)
    }

    pub(super) fn replay_subject_of(&self, subscription: &str, ty: &str) -> String {
        format!("{}-replay.{subscription}.{ty}", self.subject_prefix)
    }

    pub(super) fn subjects(&self) -> Vec<String> {
        vec![format!("{}.>", self.subject_prefix), format!("{}-replay.>", self.subject_prefix)]
    }

    /// What a consumer selects: its event types, and the replays for it.
    pub(super) fn filters(&self, options: &SubscribeOptions) -> Vec<String> {
        let patterns = options.patterns().unwrap_or_default();
        let mut filters: Vec<String> =
            patterns.iter().map(|pattern| format!("{}.{}", self.subject_prefix, pattern.as_str())).collect();
        if filters.is_empty() {
            filters.push(format!("{}.>", self.subject_prefix));
        }
        filters.push(format!("{}-replay.{}.>", self.subject_prefix, options.name));
        filters
    }

    /// Whether a consumer selects a subject.
    pub(super) fn selects(&self, options: &SubscribeOptions, subject: &str) -> bool {
        self.filters(options).iter().any(|filter| matches(filter, subject))
    }

    /// Whether a subject is that of a replay for another subscription.
    pub(super) fn is_foreign_replay(&self, subscription: &str, subject: &str) -> bool {
        let rest = subject.strip_prefix(&self.subject_prefix).and_then(|rest| rest.strip_prefix("-replay."));
        rest.is_some_and(|rest| rest.split('.').next() != Some(subscription))
    }

    /// The event type in a subject of this stream.
    pub(super) fn type_in<'a>(&self, subject: &'a str) -> &'a str {
        let rest = subject.strip_prefix(&self.subject_prefix).unwrap_or(subject);
        match rest.strip_prefix("-replay.") {
            Some(replay) => replay.split_once('.').map_or(replay, |(_, ty)| ty),
            None => rest.strip_prefix('.').unwrap_or(rest),
        }
    }
}

impl DeadLetterSettings {
    pub(super) fn subject_of(&self, subscription: &str, ty: &str) -> String {
        format!("{}.{subscription}.{ty}", self.subject_prefix)
    }

    pub(super) fn subjects(&self) -> Vec<String> {
        vec![self.all()]
    }

    pub(super) fn all(&self) -> String {
        format!("{}.>", self.subject_prefix)
    }

    /// The subscription and the event type in a subject of this stream.
    pub(super) fn parts<'a>(&self, subject: &'a str) -> (&'a str, &'a str) {
        let rest = subject.strip_prefix(&self.subject_prefix).and_then(|rest| rest.strip_prefix('.'));
        rest.and_then(|rest| rest.split_once('.')).unwrap_or(("", subject))
    }
}

/// What the reply subject of a delivery says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DeliveryInfo {
    /// Which delivery of the message this is, from 1.
    pub(super) attempt: u32,
    /// The position in the stream.
    pub(super) sequence: u64,
    /// When the stream stored it, in nanoseconds since 1970.
    pub(super) stored_at: u64,
}

impl DeliveryInfo {
    /// Reads `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<consumer's sequence>.<stored>.<pending>`, with domain and
    /// account before the stream from ADR-15 on.
    pub(super) fn parse(reply: &str) -> Option<Self> {
        let rest = reply.strip_prefix("$JS.ACK.")?.as_bytes();
        let with_domain = rest.iter().filter(|byte| **byte == b'.').count() >= 8;
        let mut tokens = rest.split(|byte| *byte == b'.').skip(if with_domain { 4 } else { 2 });
        let attempt = u32::try_from(number(tokens.next()?)?).unwrap_or(u32::MAX);
        let sequence = number(tokens.next()?)?;
        let stored_at = number(tokens.nth(1)?)?;
        Some(Self { attempt, sequence, stored_at })
    }
}

/// Whether a subject matches a filter with the wildcards `*` and `>`.
fn matches(filter: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for wanted in filter.split('.') {
        match (wanted, tokens.next()) {
            (">", Some(_)) => return true,
            (_, None) => return false,
            (wanted, Some(token)) if wanted != "*" && wanted != token => return false,
            _ => {}
        }
    }
    tokens.next().is_none()
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_survives_the_way_into_a_subject_and_back() {
        let stream = StreamSettings::default();
        for ty in ["order.placed", "order", "com.example/x.v1"] {
            assert_eq!(stream.type_in(&stream.subject_of(ty)), ty);
            assert_eq!(stream.type_in(&stream.replay_subject_of("projection", ty)), ty);
            let dead = DeadLetterSettings::default();
            assert_eq!(dead.parts(&dead.subject_of("projection", ty)), ("projection", ty));
        }
    }

    #[test]
    fn filters_match_as_the_server_matches_them() {
        for (filter, subject, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.b.c", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
        ] {
            assert_eq!(matches(filter, subject), expected, "{filter} {subject}");
        }
    }

    #[test]
    fn both_forms_of_the_reply_subject_are_read() {
        let info = DeliveryInfo { attempt: 3, sequence: 100, stored_at: 1_790_230_470_084_404_000 };
        for reply in [
            "$JS.ACK.EVENTS.projection.3.100.7.1790230470084404000.42",
            "$JS.ACK.hub.abc.EVENTS.projection.3.100.7.1790230470084404000.42.x",
        ] {
            assert_eq!(DeliveryInfo::parse(reply), Some(info));
        }
        for bad in [
            "",
            "_INBOX.x",
            "$JS.ACK.",
            "$JS.ACK.a.b.c.d.e.f.g",
            "$JS.ACK.EVENTS.projection.3.100.7",
            "$JS.ACK.EVENTS.projection.3.100.7..42",
            "$JS.ACK.EVENTS.projection.3.18446744073709551616.7.1.42",
        ] {
            assert_eq!(DeliveryInfo::parse(bad), None, "{bad}");
        }
    }
}
