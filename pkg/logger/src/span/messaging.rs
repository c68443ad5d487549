//! Spans of messages: events and jobs.

use std::time::{Duration, SystemTime};

use super::{Span, SpanKind, installed::is_on};
use crate::Context;

/// How old a message may be whose processing counts as part of the trace that sent it.
const SAME_TRACE: Duration = Duration::from_secs(5 * 60);

impl Context {
    /// Opens the span of handing a message over, `create order.placed`.
    ///
    /// `kind` is the type of the message, of few different values; `id` names the one. The message carries
    /// the trace of [`Span::ctx`].
    pub fn create_span(&self, kind: &str, id: &str) -> Span {
        let mut span = self.span("create", SpanKind::Producer);
        span.rename(|| format!("create {kind}"));
        span.set("messaging.operation.type", "create");
        span.set("messaging.message.id", id);
        span
    }

    /// Opens the span of working on a message, `process order.placed` or `run send_invoice`. This context stands at the span that sent it.
    ///
    /// * The first attempt within five minutes is a child of that span.
    /// * A later or repeated one starts a trace of its own with a link: it would stretch the sender's trace over hours. It is recorded if
    ///   the sender's trace was.
    ///
    /// `operation` is a verb, `kind` the type of the message. `attempt` counts from 1. The age of a message without a time counts as
    /// zero. Without a sink, or without a trace, the context stays the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use underpin_logger::{Context, TraceParent};
    ///
    /// let sent = Context::background().with_trace(TraceParent::generate());
    /// let mut span = sent.process_span("process", "order.placed", 1, None);
    /// span.set("messaging.message.id", "5f2c");
    /// ```
    pub fn process_span(
        &self,
        operation: &'static str,
        kind: &str,
        attempt: u64,
        sent: Option<SystemTime>,
    ) -> Span {
        let Some(sender) = self.trace().filter(|trace| trace.is_sampled() && is_on()) else {
            return Span::silent(self.clone());
        };
        let mut span = if attempt <= 1 && age(sent) <= SAME_TRACE {
            self.span(operation, SpanKind::Consumer)
        } else {
            self.root_span(operation, SpanKind::Consumer, [*sender])
        };
        span.rename(|| format!("{operation} {kind}"));
        span.set("messaging.operation.type", "process");
        span.set("messaging.message.attempt", attempt);
        span
    }
}

fn age(sent: Option<SystemTime>) -> Duration {
    sent.and_then(|sent| sent.elapsed().ok()).unwrap_or_default()
}
