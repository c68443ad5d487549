use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What `STREAM.MSG.GET` answers.
#[derive(Deserialize)]
pub(super) struct MessageAnswer {
    pub(super) message: StoredMessage,
}

/// A message as the API reads it from a stream.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct StoredMessage {
    /// Its sequence in the stream.
    #[serde(rename = "seq")]
    pub sequence: u64,
    /// Its subject.
    pub subject: String,
    /// Its payload.
    #[serde(rename = "data", default, deserialize_with = "from_base64")]
    pub payload: Bytes,
    /// The block of headers as it is stored.
    #[serde(default, deserialize_with = "from_base64")]
    hdrs: Bytes,
    /// When it was stored, by the server's clock.
    #[serde(rename = "time", deserialize_with = "from_text")]
    pub written: SystemTime,
}

impl StoredMessage {
    /// The value of a header. Lines that are no headers are passed over.
    pub fn header(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.hdrs);
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| found.trim() == name).map(|(_, value)| value.trim().to_owned())
    }
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map(Bytes::from).map_err(serde::de::Error::custom)
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
    String::deserialize(deserializer).map(|text| time_of(&text))
}

/// A time of the API; 1970 for what is none.
pub fn time_of(text: &str) -> SystemTime {
    OffsetDateTime::parse(text, &Rfc3339).map_or(SystemTime::UNIX_EPOCH, SystemTime::from)
}

/// The position of a message that a consumer delivered, from its reply subject:
/// `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<nanoseconds>.<pending>[.<token>]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessagePosition {
    /// Its sequence in the stream.
    pub sequence: u64,
    /// Its number among the deliveries of the consumer, from 1 on.
    pub delivered: u64,
    /// When it was stored, by the server's clock.
    pub stored: SystemTime,
    /// How many messages the consumer has left.
    pub pending: u64,
}

impl MessagePosition {
    /// Reads a reply subject; none when it is no consumer's.
    pub fn parse(reply: &str) -> Option<Self> {
        let (mut parts, mut count) = ([""; 9], 0);
        for part in reply.strip_prefix("$JS.ACK.")?.split('.') {
            if let Some(place) = parts.get_mut(count) {
                *place = part;
            }
            count += 1;
        }
        // Without a domain there are 7 parts.
        let start = if count == 7 { 2 } else { 4 };
        let number = |at: usize| parts.get(start + at)?.parse::<u64>().ok();
        Some(Self {
            sequence: number(1)?,
            delivered: number(2)?,
            stored: SystemTime::UNIX_EPOCH + Duration::from_nanos(number(3)?),
            pending: number(4)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_no_client_reads_is_read() {
        let headers = STANDARD.encode(b"NATS/1.0\r\nbad header\xff\r\nKV-Operation: DEL\r\nA: b\rc\r\n\r\n");
        let text = format!(
            r#"{{"seq":7,"subject":"a","hdrs":"{headers}","data":"eA==","time":"1970-01-01T00:00:01Z"}}"#
        );
        let message: StoredMessage = serde_json::from_str(&text).unwrap();
        assert_eq!(message.header("KV-Operation").as_deref(), Some("DEL"));
        assert_eq!(message.header("Nats-Marker-Reason"), None);
        assert_eq!((message.sequence, &*message.payload), (7, b"x".as_slice()));
        assert_eq!(message.written, SystemTime::UNIX_EPOCH + Duration::from_secs(1));
    }

    #[test]
    fn reads_the_position_of_a_message_with_and_without_a_domain() {
        let expected = MessagePosition {
            sequence: 17,
            delivered: 3,
            stored: SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_000),
            pending: 5,
        };
        let short = "$JS.ACK.KV_a.watch-1.1.17.3.1700000000000000000.5";
        let long = "$JS.ACK.hub.ACC.KV_a.watch-1.1.17.3.1700000000000000000.5.token";
        assert_eq!(MessagePosition::parse(short), Some(expected));
        assert_eq!(MessagePosition::parse(long), MessagePosition::parse(short));
        assert_eq!(MessagePosition::parse("$JS.FC.x"), None);
    }
}
