//! The JSON format (cloudevents/formats/json-format.md, 1.0.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::cloud_event::Event;
use super::data::Data;
use super::envelope::Envelope;
use super::extensions::ExtensionValue;
use super::invalid_event::InvalidEventError;

/// The media type of an event in structured mode.
pub const STRUCTURED_CONTENT_TYPE: &str = "application/cloudevents+json";

impl Event {
    /// The event in the JSON format (structured mode).
    pub fn to_json(&self) -> Bytes {
        let mut json = Vec::with_capacity(256 + self.data.as_ref().map_or(0, Data::len) * 4 / 3);
        self.write_json(&mut json);
        Bytes::from(json)
    }

    /// Writes the members one by one: every part is valid, so unlike a serializer this cannot fail.
    pub(crate) fn write_json(&self, json: &mut Vec<u8>) {
        json.extend_from_slice(br#"{"specversion":"1.0","id":"#);
        write_text(json, self.id());
        write_member(json, "source", self.source());
        write_member(json, "type", self.ty());
        let optional = [
            ("subject", self.subject()),
            ("time", self.attributes.time_text()),
            ("datacontenttype", self.data_content_type()),
            ("dataschema", self.data_schema()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                write_member(json, name, value);
            }
        }
        for (name, value) in self.extensions.iter() {
            match value {
                ExtensionValue::String(text) => write_member(json, name, text),
                ExtensionValue::Boolean(_) | ExtensionValue::Integer(_) => {
                    write_name(json, name);
                    json.extend_from_slice(value.to_string().as_bytes());
                }
            }
        }
        match &self.data {
            None => {}
            Some(Data::Json(raw)) => {
                write_name(json, "data");
                json.extend_from_slice(raw.get().as_bytes());
            }
            Some(Data::Text(text)) => write_member(json, "data", text),
            Some(Data::Binary(bytes)) => write_member(json, "data_base64", &STANDARD.encode(bytes)),
        }
        json.push(b'}');
    }

    /// The bytes of the JSON format, or more, without writing it.
    #[cfg(feature = "memory")]
    pub(crate) fn json_len_bound(&self) -> usize {
        let extension =
            |(name, value): (&str, &ExtensionValue)| name.len() + value.as_str().map_or(16, str::len);
        let texts = self.attributes.len() + self.data_content_type().map_or(0, str::len);
        let texts = texts + self.extensions.iter().map(extension).sum::<usize>();
        let data = match &self.data {
            // Escaped already.
            Some(Data::Json(raw)) => raw.get().len(),
            data => data.as_ref().map_or(0, Data::len).saturating_mul(6),
        };
        // A byte of text is escaped to six at most; the names of all members take less than 160.
        data.saturating_add(texts.saturating_mul(6)).saturating_add(160 + 6 * self.extensions.len())
    }

    /// Reads the JSON format.
    ///
    /// # Errors
    /// [`InvalidEventError`] when the text is not the JSON of a valid event.
    pub fn from_json(json: &[u8]) -> Result<Self, InvalidEventError> {
        Envelope::read(json)?.into_event()
    }

    /// Reads the JSON format, and also the flat form that some services wrote before they adopted CloudEvents:
    /// `timestamp` for `time`, `organization_id` for `organizationid`, and no `specversion`.
    ///
    /// For a migration only: what is read follows the specification from then on.
    ///
    /// # Errors
    /// [`InvalidEventError`] when the text is neither.
    #[cfg(feature = "flat")]
    pub fn from_json_or_flat(json: &[u8]) -> Result<Self, InvalidEventError> {
        let mut envelope = Envelope::read(json)?;
        envelope.accept_flat();
        envelope.into_event()
    }
}

/// For `serde_json` only, like the payload it may carry unparsed.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json = String::from_utf8(self.to_json().into()).map_err(serde::ser::Error::custom)?;
        RawValue::from_string(json).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// For `serde_json` only, like the payload it may carry unparsed.
impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Envelope::deserialize(deserializer)?.into_event().map_err(de::Error::custom)
    }
}

fn write_member(json: &mut Vec<u8>, name: &str, value: &str) {
    write_name(json, name);
    write_text(json, value);
}

fn write_name(json: &mut Vec<u8>, name: &str) {
    json.extend_from_slice(b",\"");
    json.extend_from_slice(name.as_bytes());
    json.extend_from_slice(b"\":");
}

/// A JSON string (RFC 8259, section 7): quotes, backslashes and control characters escaped, all else as it is.
fn write_text(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    for chunk in text.as_bytes().split_inclusive(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
        match chunk.split_last() {
            Some((last @ (b'"' | b'\\'), plain)) => {
                json.extend_from_slice(plain);
                json.extend_from_slice(&[b'\\', *last]);
            }
            Some((last @ 0..=0x1f, plain)) => {
                json.extend_from_slice(plain);
                json.extend_from_slice(format!("\\u{last:04x}").as_bytes());
            }
            _ => json.extend_from_slice(chunk),
        }
    }
    json.push(b'"');
}
