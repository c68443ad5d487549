use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use super::{AttributeValue, SpanKind};
use crate::TraceParent;

/// A span that has ended, as a [`SpanSink`](crate::SpanSink) takes it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FinishedSpan {
    /// The name, of low cardinality: `GET /orders/{id}`.
    pub name: Cow<'static, str>,
    /// The kind: server, client, producer, consumer or internal.
    pub kind: SpanKind,
    /// The trace and the span itself.
    pub context: TraceParent,
    /// The span around it; `None` for the root of a trace.
    pub parent: Option<TraceParent>,
    /// The value of `tracestate`, empty without one.
    pub trace_state: String,
    /// When it began.
    pub start_time: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// The attributes, in the order in which they were set.
    pub attributes: Vec<(&'static str, AttributeValue)>,
    /// Events, with the time since the start of the span.
    pub events: Vec<(&'static str, Duration)>,
    /// Links to spans of this or another trace.
    pub links: Vec<TraceParent>,
    /// The message of the error; `None` after a success.
    pub error: Option<String>,
}

impl FinishedSpan {
    /// The attribute with this key: of several the one that was set last.
    pub fn attribute(&self, key: &str) -> Option<&AttributeValue> {
        self.attributes.iter().rev().find(|(known, _)| *known == key).map(|(_, value)| value)
    }
}
