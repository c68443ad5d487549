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
    /// What was done, of few different values: `GET /orders/{id}`.
    pub name: Cow<'static, str>,
    /// On which side of a call it stands.
    pub kind: SpanKind,
    /// The trace and the span itself.
    pub here: TraceParent,
    /// The span around it; `None` for the root of a trace.
    pub parent: Option<TraceParent>,
    /// The value of `tracestate`, empty without one.
    pub trace_state: String,
    /// When it began.
    pub began: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// What is known of it, in the order in which it was set.
    pub attributes: Vec<(&'static str, AttributeValue)>,
    /// What happened on the way, and how long after the beginning.
    pub events: Vec<(&'static str, Duration)>,
    /// Spans of this or another trace that it belongs with.
    pub links: Vec<TraceParent>,
    /// Why it failed; `None` when it did not.
    pub error: Option<String>,
}

impl FinishedSpan {
    /// The attribute with this key: of several the one that was set last.
    pub fn attribute(&self, key: &str) -> Option<&AttributeValue> {
        self.attributes.iter().rev().find(|(known, _)| *known == key).map(|(_, value)| value)
    }
}
