//! Spans of messages: events and jobs.

use std::time::{Duration, SystemTime};

use super::{Span, SpanKind, installed::is_on};
use crate::{Context, TraceParent};

/// How old a message may be whose publishing and processing count as part of the trace that sent it.
const SAME_TRACE: Duration = Duration::from_secs(5 * 60);

impl Context {
    /// Opens the span of handing a message over, `create order.placed`.
    ///
    /// `kind` is the type of the message, of few different values; `id` names the one. The message carries
    /// the trace of [`Span::ctx`].
    pub fn create_span(&self, kind: &str, id: &str) -> Span {
        let mut span = self.create(kind);
        span.set("messaging.message.id", id);
        span
    }

    /// Opens the span of handing several messages of one type over, as [`create_span`](Self::create_span) does for one.
    pub fn create_batch_span(&self, kind: &str, messages: usize) -> Span {
        let mut span = self.create(kind);
        span.set("messaging.batch.message_count", messages);
        span
    }

    fn create(&self, kind: &str) -> Span {
        let mut span = self.span("create", SpanKind::Producer);
        span.rename(|| format!("create {kind}"));
        span.set("messaging.operation.type", "create");
        span
    }

    /// Opens the span of working on a message, `process order.placed` or `run send_invoice`. This context stands at the span that sent it.
    ///
    /// * The first attempt within five minutes is a child of that span.
    /// * A later or repeated one starts a new trace with a link: it would stretch the sender's trace over hours. It is recorded if
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
        let mut span = self.follow(operation, SpanKind::Consumer, attempt, sent);
        span.rename(|| format!("{operation} {kind}"));
        span.set("messaging.operation.type", "process");
        span.set("messaging.message.attempt", attempt);
        span
    }

    /// A child of what was sent a moment ago, or a root with a link to it.
    fn follow(&self, name: &'static str, side: SpanKind, attempt: u64, sent: Option<SystemTime>) -> Span {
        let Some(sender) = self.trace().filter(|trace| trace.is_sampled() && is_on()) else {
            return Span::silent(self.clone());
        };
        if attempt <= 1 && age(sent) <= SAME_TRACE {
            self.span(name, side)
        } else {
            self.root_span(name, side, [*sender])
        }
    }
}

impl Span {
    /// The parent that the `traceparent` of a message names, if a span below it would be recorded.
    ///
    /// Ask before a context is made for the sake of a span.
    pub fn recorded_parent(traceparent: Option<&str>) -> Option<TraceParent> {
        traceparent.filter(|_| is_on()).and_then(|header| header.parse().ok()).filter(TraceParent::is_sampled)
    }

    /// Opens the span of sending messages to a broker, each given by its type, its `traceparent` and its time.
    ///
    /// * That of one message belongs to the trace of the message, by the rule of [`Context::process_span`]: `publish order.placed`.
    /// * That of several is the root of a trace with a link to each: `publish`.
    ///
    /// No span is recorded where no message belongs to a sampled trace.
    ///
    /// # Examples
    ///
    /// ```
    /// use underpin_logger::{Context, Span, TraceParent};
    ///
    /// let sent = Context::background().with_trace(TraceParent::generate());
    /// let mut span = Span::publish([("order.placed", sent.traceparent(), None)]);
    /// span.set("messaging.message.id", "5f2c");
    /// ```
    pub fn publish<'m>(
        messages: impl IntoIterator<Item = (&'m str, Option<&'m str>, Option<SystemTime>)>,
    ) -> Self {
        if !is_on() {
            return Self::silent(Context::background());
        }
        let messages: Vec<_> = messages.into_iter().collect();
        let mut span = match messages.as_slice() {
            [(kind, traceparent, sent)] => match Self::recorded_parent(*traceparent) {
                Some(parent) => {
                    let ctx = Context::background().with_trace(parent);
                    let mut span = ctx.follow("publish", SpanKind::Producer, 1, *sent);
                    span.rename(|| format!("publish {kind}"));
                    span
                }
                None => Self::silent(Context::background()),
            },
            messages => {
                let parents = messages.iter().filter_map(|(_, parent, _)| Self::recorded_parent(*parent));
                let links: Vec<_> = parents.collect();
                if links.is_empty() {
                    return Self::silent(Context::background());
                }
                Context::background().root_span("publish", SpanKind::Producer, links)
            }
        };
        span.set("messaging.operation.type", "send");
        span.set("messaging.batch.message_count", messages.len());
        span
    }

    /// Marks the span as failed if one of the results is an error, with the first one and the number of all.
    pub fn watch_all<T, E: std::error::Error>(&mut self, results: &[Result<T, E>]) {
        if self.is_recording() {
            let errors = || results.iter().filter_map(|result| result.as_ref().err());
            if let Some(first) = errors().next() {
                self.fail(first);
                self.set("messaging.batch.failed", errors().count());
            }
        }
    }
}

fn age(sent: Option<SystemTime>) -> Duration {
    sent.and_then(|sent| sent.elapsed().ok()).unwrap_or_default()
}
