//! The JSON format (cloudevents/formats/json-format.md, 1.0.2).

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::attributes::{check_optional, check_required, is_json};
use super::extensions::Member;
use super::timestamp::Timestamp;
use super::{Data, Event, ExtensionValue, Extensions, InvalidEvent, ORGANIZATION_ID};

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
    pub(super) fn write_json(&self, json: &mut Vec<u8>) {
        json.extend_from_slice(br#"{"specversion":"1.0","id":"#);
        write_text(json, &self.id);
        write_member(json, "source", &self.source);
        write_member(json, "type", &self.ty);
        let time = self.time.as_ref().map(|time| time.text.as_str());
        let optional = [
            ("subject", self.subject()),
            ("time", time),
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

    /// Reads the JSON format.
    ///
    /// # Errors
    /// [`InvalidEvent`] when the text is not the JSON of a valid event.
    pub fn from_json(json: &[u8]) -> Result<Self, InvalidEvent> {
        let envelope: Envelope = serde_json::from_slice(json).map_err(InvalidEvent::Json)?;
        envelope.into_event()
    }

    /// Reads the JSON format, and also the flat form that some services wrote before they adopted CloudEvents:
    /// `timestamp` for `time`, `organization_id` for `organizationid`, and no `specversion`.
    ///
    /// For a migration only: what is read follows the specification from then on.
    ///
    /// # Errors
    /// [`InvalidEvent`] when the text is neither.
    pub fn from_json_or_flat(json: &[u8]) -> Result<Self, InvalidEvent> {
        let mut envelope: Envelope = serde_json::from_slice(json).map_err(InvalidEvent::Json)?;
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

/// The members of the document before the rules are applied to them.
#[derive(Default)]
struct Envelope {
    spec_version: Option<String>,
    id: Option<String>,
    source: Option<String>,
    ty: Option<String>,
    subject: Option<String>,
    time: Option<String>,
    data_content_type: Option<String>,
    data_schema: Option<String>,
    data: Option<Box<RawValue>>,
    data_base64: Option<String>,
    others: Vec<(String, ExtensionValue)>,
}

impl Envelope {
    fn into_event(self) -> Result<Event, InvalidEvent> {
        match self.spec_version.as_deref() {
            Some(Event::SPEC_VERSION) => {}
            Some(_) => return Err(InvalidEvent::SpecVersion),
            None => return Err(InvalidEvent::Missing { name: "specversion" }),
        }
        let data = read_data(self.data, self.data_base64, self.data_content_type.as_deref())?;
        let mut extensions = Extensions::default();
        for (name, value) in self.others {
            if extensions.get(&name).is_some() {
                return Err(InvalidEvent::attribute(&name, "is present twice"));
            }
            extensions.insert(name, value)?;
        }
        let event = Event {
            id: self.id.unwrap_or_default(),
            source: self.source.unwrap_or_default(),
            ty: self.ty.unwrap_or_default(),
            subject: self.subject,
            time: self.time.as_deref().map(Timestamp::parse).transpose()?,
            data_content_type: self.data_content_type,
            data_schema: self.data_schema,
            extensions,
            data,
        };
        event.check_read()?;
        Ok(event)
    }

    fn accept_flat(&mut self) {
        if self.spec_version.is_none() {
            self.spec_version = Some(Event::SPEC_VERSION.to_owned());
        }
        for (name, value) in std::mem::take(&mut self.others) {
            match (name.as_str(), value) {
                ("timestamp", ExtensionValue::String(text)) if self.time.is_none() => self.time = Some(text),
                ("organization_id", value) => self.others.push((ORGANIZATION_ID.to_owned(), value)),
                (_, value) => self.others.push((name, value)),
            }
        }
    }
}

impl Event {
    /// The rules that hold for every event, also for one that another program wrote.
    pub(super) fn check_read(&self) -> Result<(), InvalidEvent> {
        check_required("id", &self.id)?;
        check_required("source", &self.source)?;
        check_required("type", &self.ty)?;
        check_optional("subject", self.subject.as_deref())?;
        check_optional("datacontenttype", self.data_content_type.as_deref())?;
        check_optional("dataschema", self.data_schema.as_deref())
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

fn read_data(
    data: Option<Box<RawValue>>,
    base64: Option<String>,
    content_type: Option<&str>,
) -> Result<Option<Data>, InvalidEvent> {
    match (data, base64) {
        (Some(_), Some(_)) => Err(InvalidEvent::Data("is present both as `data` and as `data_base64`")),
        (None, None) => Ok(None),
        (None, Some(text)) => {
            let bytes = STANDARD.decode(text).map_err(|_| InvalidEvent::Data("is not base64"))?;
            Ok(Some(Data::Binary(bytes.into())))
        }
        // Text of another media type is a JSON string that stands for that text (section 3.1.1).
        (Some(raw), None) if !is_json(content_type) && raw.get().starts_with('"') => {
            Ok(Some(Data::Text(serde_json::from_str(raw.get()).map_err(InvalidEvent::Json)?)))
        }
        (Some(raw), None) => Ok(Some(Data::Json(raw))),
    }
}

impl<'de> Deserialize<'de> for Envelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}

struct EnvelopeVisitor;

impl<'de> Visitor<'de> for EnvelopeVisitor {
    type Value = Envelope;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CloudEvents object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope, A::Error> {
        let mut envelope = Envelope::default();
        while let Some(Name(name)) = map.next_key::<Name<'de>>()? {
            match &*name {
                "specversion" => text(&mut map, &mut envelope.spec_version, "specversion")?,
                "id" => text(&mut map, &mut envelope.id, "id")?,
                "source" => text(&mut map, &mut envelope.source, "source")?,
                "type" => text(&mut map, &mut envelope.ty, "type")?,
                "subject" => text(&mut map, &mut envelope.subject, "subject")?,
                "time" => text(&mut map, &mut envelope.time, "time")?,
                "datacontenttype" => text(&mut map, &mut envelope.data_content_type, "datacontenttype")?,
                "dataschema" => text(&mut map, &mut envelope.data_schema, "dataschema")?,
                "data_base64" => text(&mut map, &mut envelope.data_base64, "data_base64")?,
                "data" => {
                    if envelope.data.replace(map.next_value()?).is_some() {
                        return Err(de::Error::duplicate_field("data"));
                    }
                }
                _ => {
                    if let Member(Some(value)) = map.next_value()? {
                        envelope.others.push((name.into_owned(), value));
                    }
                }
            }
        }
        Ok(envelope)
    }
}

/// Reads one text member; `null` is absent, a second occurrence is an error.
fn text<'de, A: MapAccess<'de>>(
    map: &mut A,
    slot: &mut Option<String>,
    name: &'static str,
) -> Result<(), A::Error> {
    let value: Option<String> = map.next_value()?;
    if slot.is_some() {
        return Err(de::Error::duplicate_field(name));
    }
    *slot = value;
    Ok(())
}

/// A member name, borrowed where the input allows.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Borrowed(value)))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Owned(value.to_owned())))
    }
}
