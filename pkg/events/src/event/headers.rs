//! Binary mode: attributes as headers, the payload as the body (NATS protocol binding, 1.0.3-wip).

use std::borrow::Cow;

use bytes::Bytes;

use super::attributes::{JSON, check_optional, is_json};
use super::cloud_event::Event;
use super::data::Data;
use super::extensions::{ExtensionValue, Extensions};
use super::invalid_event::InvalidEventError;
use super::names::{TRACE_PARENT, TRACE_STATE};
use super::text_attributes::AttributeParts;
use super::timestamp::Timestamp;
use serde_json::value::RawValue;

/// What every attribute header starts with; the rest is the attribute's name.
pub const HEADER_PREFIX: &str = "ce-";
const CONTENT_TYPE: &str = "content-type";

/// An event in binary mode: header names in lower case, values percent-encoded where a header could not carry them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BinaryMessage {
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The payload as it is.
    pub body: Bytes,
}

impl Event {
    /// The event in binary mode.
    pub fn to_binary(&self) -> BinaryMessage {
        let mut headers = vec![
            ("ce-specversion".to_owned(), Self::SPEC_VERSION.to_owned()),
            ("ce-id".to_owned(), encode(self.id())),
            ("ce-source".to_owned(), encode(self.source())),
            ("ce-type".to_owned(), encode(self.ty())),
        ];
        let mut optional = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                headers.push((format!("{HEADER_PREFIX}{name}"), encode(value)));
            }
        };
        optional("subject", self.subject());
        optional("time", self.attributes.time_text());
        optional("dataschema", self.data_schema());
        // Without a content type a reader could not tell JSON data from any other.
        let json = matches!(self.data, Some(Data::Json(_))).then_some(JSON);
        optional("datacontenttype", self.data_content_type().or(json));
        for (name, value) in self.extensions.iter() {
            optional(name, Some(&value.to_string()));
        }
        let body = match &self.data {
            Some(Data::Binary(bytes)) => bytes.clone(),
            Some(data) => Bytes::copy_from_slice(data.as_bytes()),
            None => Bytes::new(),
        };
        BinaryMessage { headers, body }
    }

    /// Reads binary mode. Header names are compared without case; headers that are no attributes are ignored.
    ///
    /// Every extension is text: a header does not say whether it was a number.
    ///
    /// # Errors
    /// [`InvalidEventError`] when an attribute is missing or breaks a rule, or JSON data is not JSON.
    pub fn from_binary<'a>(
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        body: Bytes,
    ) -> Result<Self, InvalidEventError> {
        let mut attributes = HeaderAttributes::default();
        for (header, value) in headers {
            attributes.read(header, value)?;
        }
        attributes.into_event(body)
    }
}

/// The attributes in the headers of a message.
#[derive(Default)]
struct HeaderAttributes {
    spec_version: Option<String>,
    id: Option<String>,
    source: Option<String>,
    ty: Option<String>,
    subject: Option<String>,
    time: Option<String>,
    data_schema: Option<String>,
    data_content_type: Option<String>,
    /// The header `Content-Type`, which stands for `ce-datacontenttype` where that is missing.
    content_type: Option<String>,
    extensions: Extensions,
    /// `ce-traceparent` occurred more than once.
    several_traces: bool,
}

impl HeaderAttributes {
    /// Reads a header; one that is no attribute is ignored.
    fn read(&mut self, header: &str, value: &str) -> Result<(), InvalidEventError> {
        let header = header.to_ascii_lowercase();
        if header == CONTENT_TYPE {
            self.content_type = Some(decode(CONTENT_TYPE, value)?);
            return Ok(());
        }
        let Some(name) = header.strip_prefix(HEADER_PREFIX) else { return Ok(()) };
        let value = decode(name, value)?;
        let attribute = match name {
            "specversion" => &mut self.spec_version,
            "id" => &mut self.id,
            "source" => &mut self.source,
            "type" => &mut self.ty,
            "subject" => &mut self.subject,
            "time" => &mut self.time,
            "dataschema" => &mut self.data_schema,
            "datacontenttype" => &mut self.data_content_type,
            name if self.extensions.get(name).is_some() => return self.read_again(name, &value),
            name => return self.extensions.insert(name.to_owned(), ExtensionValue::String(value)),
        };
        if attribute.replace(value).is_some() { Err(twice(name)) } else { Ok(()) }
    }

    /// Reads an extension that occurred before. For the trace context the rules of W3C hold: several states are one list, and
    /// several parents are none.
    fn read_again(&mut self, name: &str, value: &str) -> Result<(), InvalidEventError> {
        match (name, self.extensions.get(name)) {
            (TRACE_PARENT, _) => {
                self.several_traces = true;
                Ok(())
            }
            (TRACE_STATE, Some(before)) => {
                let states = ExtensionValue::String(format!("{before},{value}"));
                self.extensions.insert(name.to_owned(), states)
            }
            _ => Err(twice(name)),
        }
    }

    fn into_event(mut self, body: Bytes) -> Result<Event, InvalidEventError> {
        match self.spec_version.as_deref() {
            Some(Event::SPEC_VERSION) => {}
            Some(_) => return Err(InvalidEventError::SpecVersion),
            None => return Err(InvalidEventError::Missing { name: "specversion" }),
        }
        if self.several_traces {
            self.extensions.remove(TRACE_PARENT);
            self.extensions.remove(TRACE_STATE);
        }
        let data_content_type = self.data_content_type.or(self.content_type);
        check_optional("datacontenttype", data_content_type.as_deref())?;
        let time = self.time.map(Timestamp::parse).transpose()?;
        let attributes = AttributeParts {
            id: self.id.as_deref().unwrap_or_default(),
            source: self.source.as_deref().unwrap_or_default(),
            ty: self.ty.as_deref().unwrap_or_default(),
            subject: self.subject.as_deref(),
            time: time.as_ref(),
            data_schema: self.data_schema.as_deref(),
        }
        .checked()?;
        let data = read_body(body, data_content_type.as_deref())?;
        let data_content_type = data_content_type.map(Cow::Owned);
        Ok(Event { attributes, data_content_type, extensions: self.extensions, data })
    }
}

fn twice(name: &str) -> InvalidEventError {
    InvalidEventError::attribute(name, "is present twice")
}

fn read_body(body: Bytes, content_type: Option<&str>) -> Result<Option<Data>, InvalidEventError> {
    if body.is_empty() {
        return Ok(None);
    }
    if content_type.is_some() && is_json(content_type) {
        let raw: Box<RawValue> = serde_json::from_slice(&body).map_err(InvalidEventError::Json)?;
        return Ok(Some(Data::Json(raw)));
    }
    Ok(Some(Data::Binary(body)))
}

/// Percent-encodes what the HTTP binding does (section 3.1.3.2): everything outside printable ASCII, space, `"`, `%`.
fn encode(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if (0x21..=0x7e).contains(&byte) && byte != b'"' && byte != b'%' {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// The inverse of [`encode`], after taking a quoted value out of its quotes. A percent sign without two digits stands for
/// itself, as writers that do not encode mean it.
fn decode(name: &str, value: &str) -> Result<String, InvalidEventError> {
    let value = unquote(value);
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = match (byte, tail) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit =
                    |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok()).unwrap_or_default();
                bytes.push(digit(*high) << 4 | digit(*low));
                after
            }
            _ => {
                bytes.push(*byte);
                tail
            }
        };
    }
    String::from_utf8(bytes).map_err(|_| InvalidEventError::attribute(name, "is not UTF-8"))
}

/// The content of a quoted string (RFC 9110, section 5.6.4), or the value as it is.
fn unquote(value: &str) -> Cow<'_, str> {
    let quoted = value.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(quoted) = quoted else { return Cow::Borrowed(value) };
    if !quoted.contains('\\') {
        return Cow::Borrowed(quoted);
    }
    let mut text = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        text.push(if character == '\\' { characters.next().unwrap_or('\\') } else { character });
    }
    Cow::Owned(text)
}
