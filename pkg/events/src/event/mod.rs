//! The event: CloudEvents 1.0, its JSON format, its batch format and its headers.

mod attributes;
mod batch;
mod builder;
mod data;
mod envelope;
mod extensions;
mod head;
mod headers;
mod invalid;
mod json;
mod timestamp;
mod typed;

pub use batch::{BATCH_CONTENT_TYPE, batch_from_json, batch_to_json};
pub use builder::EventBuilder;
pub use data::Data;
pub use extensions::{ExtensionValue, Extensions};
pub use headers::{BinaryMessage, HEADER_PREFIX};
pub use invalid::InvalidEvent;
pub use json::STRUCTURED_CONTENT_TYPE;
pub use typed::TypedEvent;

use std::borrow::Cow;
use std::fmt::Write as _;

use head::Head;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use underpin_logger::{Context, RequestId, TraceParent};

/// The extension that carries the organization (tenant) an event belongs to.
pub const ORGANIZATION_ID: &str = "organizationid";
/// The extension that carries the request id of the request that caused an event.
pub const REQUEST_ID: &str = "requestid";
/// The extension of the CloudEvents partitioning spec: events with the same key keep their order.
pub const PARTITION_KEY: &str = "partitionkey";
/// The extension of the CloudEvents distributed tracing spec: a W3C `traceparent`.
pub const TRACE_PARENT: &str = "traceparent";
/// The extension of the CloudEvents distributed tracing spec: a W3C `tracestate`.
pub const TRACE_STATE: &str = "tracestate";

/// One event: a [CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md) value.
///
/// An `Event` that exists is valid: the builder and the decoders check it, and nothing can be changed afterwards
/// except through [`Event::into_builder`], which checks again. Attributes this crate does not know are kept.
///
/// # Examples
/// ```
/// use underpin_events::Event;
///
/// let event = Event::builder("order.placed", "/orders")
///     .subject("42")
///     .organization_id("acme")
///     .json(&serde_json::json!({ "total_cents": 700 }))
///     .build()?;
/// let again = Event::from_json(&event.to_json())?;
/// assert_eq!(again, event);
/// assert_eq!(again.organization_id(), Some("acme"));
/// # Ok::<(), underpin_events::InvalidEvent>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    head: Head,
    /// Nearly always the same text, which then takes no memory.
    data_content_type: Option<Cow<'static, str>>,
    extensions: Extensions,
    data: Option<Data>,
}

impl Event {
    /// The version of the specification that every event here follows.
    pub const SPEC_VERSION: &str = "1.0";

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

    /// The identity of the event within its source.
    pub fn id(&self) -> &str {
        self.head.id()
    }

    /// The identity of the event among all sources, by which a bus drops a repeat: source and id, as `CloudEvents` identifies
    /// an event, written `<bytes of the source>:<source>:<id>` so that no two pairs are written alike.
    ///
    /// # Examples
    /// ```
    /// use underpin_events::Event;
    ///
    /// let event = Event::builder("order.placed", "/orders").id("42").build()?;
    /// assert_eq!(event.message_id(), "7:/orders:42");
    /// # Ok::<(), underpin_events::InvalidEvent>(())
    /// ```
    pub fn message_id(&self) -> String {
        let (source, id) = (self.source(), self.id());
        let digits = source.len().checked_ilog10().map_or(1, |log| log as usize + 1);
        let mut text = String::with_capacity(digits + source.len() + id.len() + 2);
        self.write_message_id(&mut text);
        text
    }

    /// Appends [`message_id`](Self::message_id).
    pub(crate) fn write_message_id(&self, text: &mut String) {
        let (source, id) = (self.source(), self.id());
        let _infallible = write!(text, "{}:", source.len());
        [source, ":", id].into_iter().for_each(|part| text.push_str(part));
    }

    /// The context in which the event happened, a URI reference.
    pub fn source(&self) -> &str {
        self.head.source()
    }

    /// What happened, for example `order.placed`.
    pub fn ty(&self) -> &str {
        self.head.ty()
    }

    /// What it happened to, within the source.
    pub fn subject(&self) -> Option<&str> {
        self.head.subject()
    }

    /// When it happened. The builder sets now; a foreign event may have none.
    pub fn time(&self) -> Option<OffsetDateTime> {
        self.head.time()
    }

    /// The media type of the data; absent means `application/json`.
    pub fn data_content_type(&self) -> Option<&str> {
        self.data_content_type.as_deref()
    }

    /// The schema that the data follows, an absolute URI.
    pub fn data_schema(&self) -> Option<&str> {
        self.head.data_schema()
    }

    /// The payload.
    pub fn data(&self) -> Option<&Data> {
        self.data.as_ref()
    }

    /// Every extension attribute, known or not, in the order of its name.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// One extension attribute as text, when it is there and is text.
    pub fn extension(&self, name: &str) -> Option<&str> {
        self.extensions.get(name).and_then(ExtensionValue::as_str)
    }

    /// The organization (tenant) this event belongs to: the extension `organizationid`.
    pub fn organization_id(&self) -> Option<&str> {
        self.extension(ORGANIZATION_ID)
    }

    /// The W3C trace context of the producer: the extension `traceparent`.
    pub fn trace_parent(&self) -> Option<&str> {
        self.extension(TRACE_PARENT)
    }

    /// The vendor part of the W3C trace context: the extension `tracestate`.
    pub fn trace_state(&self) -> Option<&str> {
        self.extension(TRACE_STATE)
    }

    /// The request that caused this event: the extension `requestid`.
    pub fn request_id(&self) -> Option<&str> {
        self.extension(REQUEST_ID)
    }

    /// The key that keeps order: the extension `partitionkey`, else the subject, else the source.
    pub fn ordering_key(&self) -> &str {
        self.extension(PARTITION_KEY).or_else(|| self.subject()).unwrap_or(self.source())
    }

    /// The log context of the work this event causes: the producer's request id, organization and trace.
    ///
    /// Without a usable request id of the producer the event id stands in, so that every line of a handler can be found.
    pub fn context(&self) -> Context {
        let request_id = self.request_id().and_then(|id| RequestId::parse(id).ok());
        let request_id = request_id.or_else(|| RequestId::parse(self.id()).ok());
        let mut context = Context::new(request_id.unwrap_or_else(RequestId::generate));
        if let Some(trace) = self.trace_parent().and_then(|text| TraceParent::parse(text).ok()) {
            context = context.with_trace(trace);
        }
        if let Some(organization) = self.organization_id() {
            context = context.with_organization(organization);
        }
        context
    }

    /// The data decoded as JSON.
    ///
    /// # Errors
    /// [`InvalidEvent::Payload`] when there is no data, it is not JSON, or it does not fit `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, InvalidEvent> {
        let data = self.data.as_ref().ok_or_else(|| InvalidEvent::payload(None))?;
        let decoded = match data {
            // Known to be text, which need not be looked at again.
            Data::Json(raw) => serde_json::from_str(raw.get()),
            other => serde_json::from_slice(other.as_bytes()),
        };
        decoded.map_err(|error| InvalidEvent::payload(Some(error)))
    }

    /// The typed payload, after checking that the event is of that type.
    ///
    /// # Errors
    /// [`InvalidEvent::UnexpectedType`] for another type, [`InvalidEvent::Payload`] when the data does not fit.
    pub fn decode<T: TypedEvent>(&self) -> Result<T, InvalidEvent> {
        if self.ty() != T::TYPE {
            return Err(InvalidEvent::UnexpectedType { expected: T::TYPE });
        }
        self.json()
    }
}
