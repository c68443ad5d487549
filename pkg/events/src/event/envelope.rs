//! The JSON document of an event as it is read: its members first, the rules afterwards.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::attributes::{JSON, check_optional, is_json};
use super::cloud_event::Event;
use super::data::Data;
use super::extensions::ExtensionMember;
use super::extensions::{ExtensionValue, Extensions};
use super::invalid_event::InvalidEventError;
#[cfg(feature = "flat")]
use super::names::ORGANIZATION_ID;
use super::text_attributes::AttributeParts;
use super::timestamp::Timestamp;

/// The members of the document before the rules are applied to them.
#[derive(Default)]
pub(super) struct Envelope<'de> {
    spec_version: Option<JsonText<'de>>,
    id: Option<JsonText<'de>>,
    source: Option<JsonText<'de>>,
    ty: Option<JsonText<'de>>,
    subject: Option<JsonText<'de>>,
    time: Option<JsonText<'de>>,
    data_content_type: Option<MediaType>,
    data_schema: Option<JsonText<'de>>,
    data: Option<Box<RawValue>>,
    data_base64: Option<JsonText<'de>>,
    others: Vec<(String, ExtensionValue)>,
}

impl<'de> Envelope<'de> {
    pub(super) fn read(json: &'de [u8]) -> Result<Self, InvalidEventError> {
        // Looked at as text once and as a whole, which is quicker than string by string.
        let read = match std::str::from_utf8(json) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(json),
        };
        read.map_err(InvalidEventError::Json)
    }

    pub(super) fn into_event(self) -> Result<Event, InvalidEventError> {
        match text_of(&self.spec_version) {
            Some(Event::SPEC_VERSION) => {}
            Some(_) => return Err(InvalidEventError::SpecVersion),
            None => return Err(InvalidEventError::Missing { name: "specversion" }),
        }
        let data_content_type = self.data_content_type.map(|MediaType(text)| text);
        let data = read_data(self.data, text_of(&self.data_base64), data_content_type.as_deref())?;
        let mut extensions = Extensions::default();
        for (name, value) in self.others {
            if extensions.get(&name).is_some() {
                return Err(InvalidEventError::attribute(&name, "is present twice"));
            }
            extensions.insert(name, value)?;
        }
        let time = self.time.map(|JsonText(text)| Timestamp::parse(text)).transpose()?;
        let attributes = AttributeParts {
            id: text_of(&self.id).unwrap_or_default(),
            source: text_of(&self.source).unwrap_or_default(),
            ty: text_of(&self.ty).unwrap_or_default(),
            subject: text_of(&self.subject),
            time: time.as_ref(),
            data_schema: text_of(&self.data_schema),
        }
        .checked()?;
        check_optional("datacontenttype", data_content_type.as_deref())?;
        Ok(Event { attributes, data_content_type, extensions, data })
    }

    /// Takes the members of the flat form for those that they stand for.
    #[cfg(feature = "flat")]
    pub(super) fn accept_flat(&mut self) {
        if self.spec_version.is_none() {
            self.spec_version = Some(JsonText(Cow::Borrowed(Event::SPEC_VERSION)));
        }
        for (name, value) in std::mem::take(&mut self.others) {
            match (name.as_str(), value) {
                ("timestamp", ExtensionValue::String(text)) if self.time.is_none() => {
                    self.time = Some(JsonText(Cow::Owned(text)));
                }
                ("organization_id", value) => self.others.push((ORGANIZATION_ID.to_owned(), value)),
                (_, value) => self.others.push((name, value)),
            }
        }
    }
}

fn text_of<'a>(text: &'a Option<JsonText<'_>>) -> Option<&'a str> {
    text.as_ref().map(|JsonText(text)| &**text)
}

fn read_data(
    data: Option<Box<RawValue>>,
    base64: Option<&str>,
    content_type: Option<&str>,
) -> Result<Option<Data>, InvalidEventError> {
    match (data, base64) {
        (Some(_), Some(_)) => Err(InvalidEventError::Data("is present both as `data` and as `data_base64`")),
        (None, None) => Ok(None),
        (None, Some(text)) => {
            let bytes = STANDARD.decode(text).map_err(|_| InvalidEventError::Data("is not base64"))?;
            Ok(Some(Data::Binary(bytes.into())))
        }
        // Text of another media type is a JSON string that stands for that text (section 3.1.1).
        (Some(raw), None) if !is_json(content_type) && raw.get().starts_with('"') => {
            Ok(Some(Data::Text(serde_json::from_str(raw.get()).map_err(InvalidEventError::Json)?)))
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
        while let Some(JsonText(name)) = map.next_key::<JsonText<'de>>()? {
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
                    if let ExtensionMember(Some(value)) = map.next_value()? {
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
struct JsonText<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for JsonText<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(JsonTextVisitor)
    }
}

struct JsonTextVisitor;

impl<'de> Visitor<'de> for JsonTextVisitor {
    type Value = JsonText<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<JsonText<'de>, E> {
        Ok(JsonText(Cow::Borrowed(value)))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<JsonText<'de>, E> {
        Ok(JsonText(Cow::Owned(value.to_owned())))
    }
}

/// A media type; the one of JSON takes no memory.
struct MediaType(Cow<'static, str>);

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let JsonText(text) = JsonText::deserialize(deserializer)?;
        Ok(Self(if text == JSON { Cow::Borrowed(JSON) } else { Cow::Owned(text.into_owned()) }))
    }
}
