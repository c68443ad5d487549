use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use time::OffsetDateTime;
use underpin_logger::Context;
use uuid::Uuid;

use super::attributes::{
    JSON, check_absolute_uri, check_media_type, check_optional, check_uri_reference, is_json,
};
use super::cloud_event::Event;
use super::data::Data;
use super::extensions::{ExtensionValue, Extensions};
use super::invalid_event::InvalidEventError;
use super::names::{ORGANIZATION_ID, PARTITION_KEY, REQUEST_ID, TRACE_PARENT, TRACE_STATE};
use super::text_attributes::AttributeParts;
use super::timestamp::Timestamp;
use super::typed::TypedEvent;

impl Event {
    /// A builder for an event of this type from this source (a URI reference, for example `/orders`).
    pub fn builder(ty: impl Into<String>, source: impl Into<String>) -> EventBuilder {
        EventBuilder::new(ty.into(), source.into())
    }

    /// A builder for a typed payload: type, schema and JSON data are taken from it.
    pub fn typed<T: TypedEvent>(source: impl Into<String>, payload: &T) -> EventBuilder {
        let builder = Self::builder(T::TYPE, source).json(payload);
        match T::SCHEMA {
            Some(schema) => builder.data_schema(schema),
            None => builder,
        }
    }

    /// A builder that starts from this event, for example to give a replayed event a new id.
    pub fn into_builder(self) -> EventBuilder {
        EventBuilder::from_event(self)
    }
}

/// Builds an [`Event`]: sets plain values, and checks all of them in [`EventBuilder::build`].
#[derive(Debug)]
#[must_use = "an event exists once `build` is called"]
pub struct EventBuilder {
    id: Option<String>,
    source: String,
    ty: String,
    subject: Option<String>,
    time: EventTime,
    data_schema: Option<String>,
    data_content_type: Option<Cow<'static, str>>,
    data: Option<Data>,
    /// The extensions of the event that it starts from, and what is to become of them.
    kept: Extensions,
    extensions: Vec<(String, Option<ExtensionValue>)>,
    payload_error: Option<serde_json::Error>,
    /// Read from the wire: its source was accepted as it is, and stays acceptable.
    foreign: bool,
}

#[derive(Debug)]
enum EventTime {
    Set(OffsetDateTime),
    /// As it was written, also when there was none.
    Kept(Option<Timestamp>),
}

impl EventBuilder {
    pub(super) fn new(ty: String, source: String) -> Self {
        Self {
            id: None,
            source,
            ty,
            subject: None,
            time: EventTime::Set(OffsetDateTime::now_utc()),
            data_schema: None,
            data_content_type: None,
            data: None,
            kept: Extensions::default(),
            extensions: Vec::new(),
            payload_error: None,
            foreign: false,
        }
    }

    pub(super) fn from_event(event: Event) -> Self {
        let Event { attributes, data_content_type, extensions, data } = event;
        let written = attributes.time().zip(attributes.time_text());
        Self {
            id: Some(attributes.id().to_owned()),
            source: attributes.source().to_owned(),
            ty: attributes.ty().to_owned(),
            subject: attributes.subject().map(str::to_owned),
            time: EventTime::Kept(written.map(|(value, text)| Timestamp { value, text: text.to_owned() })),
            data_schema: attributes.data_schema().map(str::to_owned),
            data_content_type,
            data,
            kept: extensions,
            extensions: Vec::new(),
            payload_error: None,
            foreign: true,
        }
    }

    /// The identity of the event within its source; a UUID of version 7 when not set. The same id of the same source is the
    /// same event: a bus drops the repeat.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// What the event is about, within the source. Also the ordering key unless [`Self::partition_key`] is set.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// When it happened; now when not set.
    pub fn time(mut self, time: OffsetDateTime) -> Self {
        self.time = EventTime::Set(time);
        self
    }

    /// The schema of the data, an absolute URI.
    pub fn data_schema(mut self, uri: impl Into<String>) -> Self {
        self.data_schema = Some(uri.into());
        self
    }

    /// The organization (tenant) the event belongs to: the extension `organizationid`.
    pub fn organization_id(self, id: impl Into<String>) -> Self {
        self.extension(ORGANIZATION_ID, id.into())
    }

    /// Events with the same key are handled in order: the extension `partitionkey`.
    pub fn partition_key(self, key: impl Into<String>) -> Self {
        self.extension(PARTITION_KEY, key.into())
    }

    /// The W3C trace context: the extension `traceparent`.
    pub fn trace_parent(self, value: impl Into<String>) -> Self {
        self.extension(TRACE_PARENT, value.into())
    }

    /// The vendor part of the W3C trace context: the extension `tracestate`.
    pub fn trace_state(self, value: impl Into<String>) -> Self {
        self.extension(TRACE_STATE, value.into())
    }

    /// Sets the request id, organization and trace, with its `tracestate`, of the work that causes the event.
    pub fn caused_by(mut self, context: &Context) -> Self {
        if let Some(id) = context.request_id() {
            self = self.extension(REQUEST_ID, id.as_str());
        }
        if let Some(organization) = context.organization_id() {
            self = self.organization_id(organization);
        }
        if let Some(parent) = context.traceparent() {
            self = self.trace_parent(parent);
            // That of another trace must not stay.
            self = match context.tracestate() {
                Some(state) => self.trace_state(state),
                None => self.without_extension(TRACE_STATE),
            };
        }
        self
    }

    /// An extension attribute: lower-case letters and digits. A later value replaces an earlier one.
    pub fn extension(mut self, name: impl Into<String>, value: impl Into<ExtensionValue>) -> Self {
        self.extensions.push((name.into(), Some(value.into())));
        self
    }

    /// Takes an extension attribute away, for example before a replay.
    pub fn without_extension(mut self, name: impl Into<String>) -> Self {
        self.extensions.push((name.into(), None));
        self
    }

    /// JSON data, with the content type `application/json`.
    pub fn json<T: Serialize + ?Sized>(mut self, payload: &T) -> Self {
        match serde_json::value::to_raw_value(payload) {
            Ok(raw) => {
                self.data = Some(Data::Json(raw));
                self.data_content_type = Some(Cow::Borrowed(JSON));
            }
            Err(error) => self.payload_error = Some(error),
        }
        self
    }

    /// Text of another media type than JSON, for example `text/plain`.
    pub fn text(mut self, content_type: impl Into<String>, text: impl Into<String>) -> Self {
        self.data = Some(Data::Text(text.into()));
        self.data_content_type = Some(Cow::Owned(content_type.into()));
        self
    }

    /// Bytes of a media type, for example `application/octet-stream`; they travel as `data_base64`.
    pub fn binary(mut self, content_type: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        self.data = Some(Data::Binary(bytes.into()));
        self.data_content_type = Some(Cow::Owned(content_type.into()));
        self
    }

    /// The event, when everything set so far follows the specification.
    ///
    /// # Errors
    /// [`InvalidEventError`] names the first attribute that breaks a rule, or says that the payload could not be written.
    pub fn build(self) -> Result<Event, InvalidEventError> {
        if let Some(error) = self.payload_error {
            return Err(InvalidEventError::payload(Some(error)));
        }
        let mut extensions = self.kept;
        for (name, value) in self.extensions {
            match value {
                Some(value) => extensions.insert(name, value)?,
                None => extensions.remove(&name),
            }
        }
        let time = match self.time {
            EventTime::Set(time) => Some(Timestamp::new(time)?),
            EventTime::Kept(time) => time,
        };
        let id = self.id.unwrap_or_else(|| Uuid::now_v7().to_string());
        let parts = AttributeParts {
            id: &id,
            source: &self.source,
            ty: &self.ty,
            subject: self.subject.as_deref(),
            time: time.as_ref(),
            data_schema: self.data_schema.as_deref(),
        };
        let attributes = parts.checked()?;
        if !self.foreign {
            check_uri_reference("source", &self.source)?;
        }
        if let Some(schema) = &self.data_schema {
            check_absolute_uri("dataschema", schema)?;
        }
        let data_content_type = self.data_content_type;
        if let Some(content_type) = data_content_type.as_deref().filter(|text| *text != JSON) {
            check_optional("datacontenttype", Some(content_type))?;
            check_media_type("datacontenttype", content_type)?;
        }
        if matches!(self.data, Some(Data::Text(_))) && is_json(data_content_type.as_deref()) {
            return Err(InvalidEventError::Data("is text, but its content type says JSON"));
        }
        Ok(Event { attributes, data_content_type, extensions, data: self.data })
    }
}
