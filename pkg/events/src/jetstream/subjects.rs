//! Where events, replays and dead letters go.

use super::{DeadLetterSettings, StreamSettings};
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

/// What the reply subject of a delivery says: the attempt and the position in the stream.
///
/// `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>...`, with domain and account before the stream from ADR-15 on.
pub(super) fn delivery_info(reply: &str) -> Option<(u32, u64)> {
    let rest = reply.strip_prefix("$JS.ACK.")?;
    let with_domain = rest.bytes().filter(|byte| *byte == b'.').count() >= 8;
    let mut tokens = rest.split('.').skip(if with_domain { 4 } else { 2 });
    let delivered: u64 = tokens.next()?.parse().ok()?;
    Some((u32::try_from(delivered).unwrap_or(u32::MAX), tokens.next()?.parse().ok()?))
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
    fn both_forms_of_the_reply_subject_are_read() {
        assert_eq!(delivery_info("$JS.ACK.EVENTS.projection.3.100.7.1790230470084404000.42"), Some((3, 100)));
        assert_eq!(
            delivery_info("$JS.ACK.hub.abc.EVENTS.projection.3.100.7.1790230470084404000.42.x"),
            Some((3, 100))
        );
        for bad in ["", "_INBOX.x", "$JS.ACK.", "$JS.ACK.a.b.c.d.e.f.g"] {
            assert_eq!(delivery_info(bad), None, "{bad}");
        }
    }
}
