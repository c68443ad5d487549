//! Spans of `tracing` as spans of the trace: below the context in which they are created, and the context of what runs inside of them.

use std::cell::RefCell;

use tracing_core::{Metadata, span::Id};

use super::span_fields::SpanFields;
use crate::{AttributeValue, Context, Redaction, Span, SpanKind, Value, scope};

/// The fields by which code written for tracing-opentelemetry names its spans.
const KIND: &str = "otel.kind";
const NAME: &str = "otel.name";

thread_local! {
    /// What was current before each recorded span that this thread is in.
    static ENTERED: RefCell<Vec<(u64, Option<Context>)>> = const { RefCell::new(Vec::new()) };
}

/// The recorded half of a `tracing` span, kept with it.
#[derive(Debug)]
pub(super) struct TracedSpan(Span);

impl TracedSpan {
    /// `None` where no span is recorded.
    pub(super) fn open(parent: &Context, metadata: &Metadata<'static>, fields: &SpanFields) -> Option<Self> {
        let span = parent.span(metadata.name(), kind(fields));
        span.is_recording().then_some(Self(span))
    }

    pub(super) const fn ctx(&self) -> &Context {
        self.0.ctx()
    }

    /// Ends the span. Values that the log hides are hidden here, too.
    pub(super) fn close(mut self, target: &'static str, fields: &SpanFields, redact: &Redaction) {
        for (key, value) in fields.iter() {
            match key {
                KIND => {}
                NAME => self.0.rename(|| value.to_string()),
                key if redact.covers(key) => self.0.set(key, Value::REDACTED),
                key => self.0.set(key, attribute(value)),
            }
        }
        self.0.set("code.namespace", target);
    }
}

/// Makes the context of the span the current one of this thread.
pub(super) fn enter(id: &Id, ctx: &Context) {
    let outer = scope::replace_current(Some(ctx.clone()));
    let _thread_ends = ENTERED.try_with(|entered| entered.borrow_mut().push((id.into_u64(), outer)));
}

/// Makes current again what was so before. Guards that are dropped out of order leave the context of the innermost span that is still
/// entered.
pub(super) fn exit(id: &Id) {
    let restored = ENTERED.try_with(|entered| {
        let mut entered = entered.borrow_mut();
        let place = entered.iter().rposition(|(known, _)| *known == id.into_u64())?;
        let (_, outer) = entered.remove(place);
        match entered.get_mut(place) {
            // One that was entered later: it goes back to what this one would have gone back to.
            Some((_, later)) => {
                *later = outer;
                None
            }
            None => Some(outer),
        }
    });
    if let Ok(Some(outer)) = restored {
        drop(scope::replace_current(outer));
    }
}

fn kind(fields: &SpanFields) -> SpanKind {
    let said =
        fields.iter().find(|(key, _)| *key == KIND).map(|(_, value)| value.to_string().to_ascii_lowercase());
    match said.as_deref() {
        Some("server") => SpanKind::Server,
        Some("client") => SpanKind::Client,
        Some("producer") => SpanKind::Producer,
        Some("consumer") => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

fn attribute(value: Value<'_>) -> AttributeValue {
    match value {
        Value::Bool(value) => value.into(),
        Value::I64(value) => value.into(),
        Value::U64(value) => value.into(),
        Value::F64(value) => value.into(),
        Value::Str(value) => value.into(),
        other => other.to_string().into(),
    }
}
