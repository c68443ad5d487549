use bytes::Bytes;
use serde::Serialize;
use time::OffsetDateTime;
use underpin_logger::Context;
use uuid::Uuid;

use super::attributes::{
    check_absolute_uri, check_media_type, check_optional, check_required, check_uri_reference,
};
use super::timestamp::Timestamp;
use super::{Data, Event, ExtensionValue, Extensions, InvalidEvent};

/// Builds an [`Event`]: sets plain values, and checks all of them in [`EventBuilder::build`].
#[derive(Debug)]
#[must_use = "an event exists once `build` is called"]
pub struct EventBuilder {
    event: Event,
    extensions: Vec<(String, Option<ExtensionValue>)>,
    payload_error: Option<serde_json::Error>,
    /// Read from the wire: its source was accepted as it is, and stays acceptable.
    foreign: bool,
    time: Option<OffsetDateTime>,
}

impl EventBuilder {
    pub(super) fn new(ty: String, source: String) -> Self {
        let event = Event {
            id: Uuid::now_v7().to_string(),
            source,
            ty,
            subject: None,
            time: None,
            data_content_type: None,
            data_schema: None,
            extensions: Extensions::default(),
            data: None,
        };
        Self {
            event,
            extensions: Vec::new(),
            payload_error: None,
            foreign: false,
            time: Some(OffsetDateTime::now_utc()),
        }
    }

    pub(super) fn from_event(event: Event) -> Self {
        Self { event, extensions: Vec::new(), payload_error: None, foreign: true, time: None }
    }

    /// The identity of the event; a UUID of version 7 when not set. The same id is the same event: a broker drops it.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.event.id = id.into();
        self
    }

    /// What the event is about, within the source. Also the ordering key unless [`Self::partition_key`] is set.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.event.subject = Some(subject.into());
        self
    }

    /// When it happened; now when not set.
    pub fn time(mut self, time: OffsetDateTime) -> Self {
        self.time = Some(time);
        self
    }

    /// The schema of the data, an absolute URI.
    pub fn data_schema(mut self, uri: impl Into<String>) -> Self {
        self.event.data_schema = Some(uri.into());
        self
    }

    /// The organization (tenant) the event belongs to: the extension `organizationid`.
    pub fn organization_id(self, id: impl Into<String>) -> Self {
        self.extension(super::ORGANIZATION_ID, id.into())
    }

    /// Events with the same key are handled in order: the extension `partitionkey`.
    pub fn partition_key(self, key: impl Into<String>) -> Self {
        self.extension(super::PARTITION_KEY, key.into())
    }

    /// The W3C trace context: the extension `traceparent`.
    pub fn trace_parent(self, value: impl Into<String>) -> Self {
        self.extension(super::TRACE_PARENT, value.into())
    }

    /// The vendor part of the W3C trace context: the extension `tracestate`.
    pub fn trace_state(self, value: impl Into<String>) -> Self {
        self.extension(super::TRACE_STATE, value.into())
    }

    /// The request id, organization and trace of the work that causes the event.
    pub fn caused_by(mut self, context: &Context) -> Self {
        if let Some(id) = context.request_id() {
            self = self.extension(super::REQUEST_ID, id.as_str());
        }
        if let Some(organization) = context.organization_id() {
            self = self.organization_id(organization);
        }
        if let Some(parent) = context.traceparent() {
            self = self.trace_parent(parent);
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
                self.event.data = Some(Data::Json(raw));
                self.event.data_content_type = Some("application/json".to_owned());
            }
            Err(error) => self.payload_error = Some(error),
        }
        self
    }

    /// Text of another media type than JSON, for example `text/plain`.
    pub fn text(mut self, content_type: impl Into<String>, text: impl Into<String>) -> Self {
        self.event.data = Some(Data::Text(text.into()));
        self.event.data_content_type = Some(content_type.into());
        self
    }

    /// Bytes of a media type, for example `application/octet-stream`; they travel as `data_base64`.
    pub fn binary(mut self, content_type: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        self.event.data = Some(Data::Binary(bytes.into()));
        self.event.data_content_type = Some(content_type.into());
        self
    }

    /// The event, when everything set so far follows the specification.
    ///
    /// # Errors
    /// [`InvalidEvent`] names the first attribute that breaks a rule, or says that the payload could not be written.
    pub fn build(self) -> Result<Event, InvalidEvent> {
        let Self { mut event, extensions, payload_error, foreign, time } = self;
        if let Some(error) = payload_error {
            return Err(InvalidEvent::payload(Some(error)));
        }
        for (name, value) in extensions {
            match value {
                Some(value) => event.extensions.insert(name, value)?,
                None => event.extensions.remove(&name),
            }
        }
        if let Some(time) = time {
            event.time = Some(Timestamp::new(time)?);
        }
        check_required("id", &event.id)?;
        check_required("type", &event.ty)?;
        check_required("source", &event.source)?;
        if !foreign {
            check_uri_reference("source", &event.source)?;
        }
        check_optional("subject", event.subject.as_deref())?;
        check_optional("datacontenttype", event.data_content_type.as_deref())?;
        check_optional("dataschema", event.data_schema.as_deref())?;
        if let Some(schema) = &event.data_schema {
            check_absolute_uri("dataschema", schema)?;
        }
        if let Some(content_type) = &event.data_content_type {
            check_media_type("datacontenttype", content_type)?;
        }
        if matches!(event.data, Some(Data::Text(_))) && super::attributes::is_json(event.data_content_type())
        {
            return Err(InvalidEvent::Data("is text, but its content type says JSON"));
        }
        Ok(event)
    }
}
