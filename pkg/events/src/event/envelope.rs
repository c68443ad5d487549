//! The JSON document of an event as it is read: its members first, the rules afterwards.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::attributes::{JSON, check_optional, is_json};
use super::extensions::Member;
use super::head::Parts;
use super::timestamp::Timestamp;
use super::{Data, Event, ExtensionValue, Extensions, InvalidEvent, ORGANIZATION_ID};

/// The members of the document before the rules are applied to them.
#[derive(Default)]
pub(super) struct Envelope<'de> {
    spec_version: Option<Name<'de>>,
    id: Option<Name<'de>>,
    source: Option<Name<'de>>,
    ty: Option<Name<'de>>,
    subject: Option<Name<'de>>,
    time: Option<Name<'de>>,
    data_content_type: Option<MediaType>,
    data_schema: Option<Name<'de>>,
    data: Option<Box<RawValue>>,
    data_base64: Option<Name<'de>>,
    others: Vec<(String, ExtensionValue)>,
}

impl<'de> Envelope<'de> {
    pub(super) fn read(json: &'de [u8]) -> Result<Self, InvalidEvent> {
        // Looked at as text once and as a whole, which is quicker than string by string.
        let read = match std::str::from_utf8(json) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(json),
        };
        read.map_err(InvalidEvent::Json)
    }

    pub(super) fn into_event(self) -> Result<Event, InvalidEvent> {
        match text_of(&self.spec_version) {
            Some(Event::SPEC_VERSION) => {}
            Some(_) => return Err(InvalidEvent::SpecVersion),
            None => return Err(InvalidEvent::Missing { name: "specversion" }),
        }
        let data_content_type = self.data_content_type.map(|MediaType(text)| text);
        let data = read_data(self.data, text_of(&self.data_base64), data_content_type.as_deref())?;
        let mut extensions = Extensions::default();
        for (name, value) in self.others {
            if extensions.get(&name).is_some() {
                return Err(InvalidEvent::attribute(&name, "is present twice"));
            }
            extensions.insert(name, value)?;
        }
        let time = self.time.map(|Name(text)| Timestamp::parse(text)).transpose()?;
        let head = Parts {
            id: text_of(&self.id).unwrap_or_default(),
            source: text_of(&self.source).unwrap_or_default(),
            ty: text_of(&self.ty).unwrap_or_default(),
            subject: text_of(&self.subject),
            time: time.as_ref(),
            data_schema: text_of(&self.data_schema),
        }
        .checked()?;
        check_optional("datacontenttype", data_content_type.as_deref())?;
        Ok(Event { head, data_content_type, extensions, data })
    }

    /// Takes the members of the flat form for those that they stand for.
    pub(super) fn accept_flat(&mut self) {
        if self.spec_version.is_none() {
            self.spec_version = Some(Name(Cow::Borrowed(Event::SPEC_VERSION)));
        }
        for (name, value) in std::mem::take(&mut self.others) {
            match (name.as_str(), value) {
                ("timestamp", ExtensionValue::String(text)) if self.time.is_none() => {
                    self.time = Some(Name(Cow::Owned(text)));
                }
                ("organization_id", value) => self.others.push((ORGANIZATION_ID.to_owned(), value)),
                (_, value) => self.others.push((name, value)),
            }
        }
    }
}

fn text_of<'a>(text: &'a Option<Name<'_>>) -> Option<&'a str> {
    text.as_ref().map(|Name(text)| &**text)
}

fn read_data(
    data: Option<Box<RawValue>>,
    base64: Option<&str>,
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

impl<'de> Deserialize<'de> for Envelope<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}

struct EnvelopeVisitor;

impl<'de> Visitor<'de> for EnvelopeVisitor {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CloudEvents object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<'de>, A::Error> {
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
fn text<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
    map: &mut A,
    slot: &mut Option<T>,
    name: &'static str,
) -> Result<(), A::Error> {
    let value: Option<T> = map.next_value()?;
    if slot.is_some() {
        return Err(de::Error::duplicate_field(name));
    }
    *slot = value;
    Ok(())
}

/// A text, borrowed where the input allows.
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
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Borrowed(value)))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Owned(value.to_owned())))
    }
}

/// A media type; the one of JSON takes no memory.
struct MediaType(Cow<'static, str>);

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Name(text) = Name::deserialize(deserializer)?;
        Ok(Self(if text == JSON { Cow::Borrowed(JSON) } else { Cow::Owned(text.into_owned()) }))
    }
}
