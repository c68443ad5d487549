use std::borrow::Cow;
use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use underpin_logger::{Context, RequestId, TraceParent, TraceState};

use super::data::Data;
use super::extensions::{ExtensionValue, Extensions};
use super::invalid_event::InvalidEventError;
use super::names::{ORGANIZATION_ID, PARTITION_KEY, REQUEST_ID, TRACE_PARENT, TRACE_STATE};
use super::text_attributes::TextAttributes;
use super::typed::TypedEvent;

/// One event: a [CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md) value.
///
/// An `Event` that exists is valid: the builder and the decoders check it, and it is immutable afterwards
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
/// # Ok::<(), underpin_events::InvalidEventError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub(super) attributes: TextAttributes,
    /// Nearly always the same text, which then takes no memory.
    pub(super) data_content_type: Option<Cow<'static, str>>,
    pub(super) extensions: Extensions,
    pub(super) data: Option<Data>,
}

impl Event {
    /// The version of the specification that every event here follows.
    pub const SPEC_VERSION: &str = "1.0";

    /// The identity of the event within its source.
    pub fn id(&self) -> &str {
        self.attributes.id()
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
    /// # Ok::<(), underpin_events::InvalidEventError>(())
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
        self.attributes.source()
    }

    /// What happened, for example `order.placed`.
    pub fn ty(&self) -> &str {
        self.attributes.ty()
    }

    /// What it happened to, within the source.
    pub fn subject(&self) -> Option<&str> {
        self.attributes.subject()
    }

    /// When it happened. The builder sets now; a foreign event may have none.
    pub fn time(&self) -> Option<OffsetDateTime> {
        self.attributes.time()
    }

    /// The media type of the data; absent means `application/json`.
    pub fn data_content_type(&self) -> Option<&str> {
        self.data_content_type.as_deref()
    }

    /// The schema that the data follows, an absolute URI.
    pub fn data_schema(&self) -> Option<&str> {
        self.attributes.data_schema()
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
            // An invalid state is dropped, and the trace goes on without it.
            if let Some(state) = self.trace_state().and_then(|text| TraceState::parse(text).ok()) {
                context = context.with_trace_state(state);
            }
        }
        if let Some(organization) = self.organization_id() {
            context = context.with_organization(organization);
        }
        context
    }

    /// The data decoded as JSON.
    ///
    /// # Errors
    /// [`InvalidEventError::Payload`] when there is no data, it is not JSON, or it does not fit `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, InvalidEventError> {
        let data = self.data.as_ref().ok_or_else(|| InvalidEventError::payload(None))?;
        let decoded = match data {
            // Known to be text, which need not be looked at again.
            Data::Json(raw) => serde_json::from_str(raw.get()),
            other => serde_json::from_slice(other.as_bytes()),
        };
        decoded.map_err(|error| InvalidEventError::payload(Some(error)))
    }

    /// The typed payload, after checking that the event is of that type.
    ///
    /// # Errors
    /// [`InvalidEventError::UnexpectedType`] for another type, [`InvalidEventError::Payload`] when the data does not fit.
    pub fn decode<T: TypedEvent>(&self) -> Result<T, InvalidEventError> {
        if self.ty() != T::TYPE {
            return Err(InvalidEventError::UnexpectedType { expected: T::TYPE });
        }
        self.json()
    }
}
