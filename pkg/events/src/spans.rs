//! The spans of an event: created, published, processed.

use std::{borrow::Cow, time::SystemTime};

use underpin_logger::{Context, Span, SpanKind};

use crate::Event;

impl Event {
    /// Opens the span of handing this event over, `create order.placed`, and returns the event as it travels on: at that span, if it
    /// is recorded.
    pub fn create_span(&self) -> (Cow<'_, Self>, Span) {
        if Span::recorded_parent(self.trace_parent()).is_none() {
            return (Cow::Borrowed(self), Context::background().span("create", SpanKind::Producer));
        }
        let span = self.context().create_span(self.ty(), self.id());
        let parent = span.ctx().traceparent().unwrap_or_default();
        let event = self.clone().into_builder().trace_parent(parent).build();
        (event.map_or(Cow::Borrowed(self), Cow::Owned), span)
    }

    /// Opens the span of an attempt to handle this event.
    #[cfg(any(feature = "memory", feature = "jetstream"))]
    pub(crate) fn process_span(&self, attempt: u32) -> Span {
        self.context().process_span("process", self.ty(), attempt.into(), self.time().map(SystemTime::from))
    }
}

/// Opens the span of publishing events.
#[cfg(any(feature = "memory", feature = "jetstream"))]
pub(crate) fn publish(events: &[Event]) -> Span {
    let time = |event: &Event| event.time().map(SystemTime::from);
    Span::publish(events.iter().map(|event| (event.ty(), event.trace_parent(), time(event))))
}
