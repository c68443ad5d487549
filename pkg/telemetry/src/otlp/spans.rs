use std::time::SystemTime;

use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId, Value,
    trace::{Event, Link, SpanContext, SpanKind as OtelKind, Status, TraceState},
};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks},
};
use underpin_logger::{AttributeValue, FinishedSpan, SpanKind, TraceParent};

use super::{
    client::StatusProbe,
    sender::{Batches, Verdict},
};

/// Exports spans.
pub(super) struct SpanBatches {
    exporter: opentelemetry_otlp::SpanExporter,
    probe: StatusProbe,
    scope: InstrumentationScope,
}

impl SpanBatches {
    pub(super) fn new(
        mut exporter: opentelemetry_otlp::SpanExporter,
        probe: StatusProbe,
        resource: &Resource,
    ) -> Self {
        exporter.set_resource(resource);
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"));
        Self { exporter, probe, scope: scope.with_version(env!("CARGO_PKG_VERSION")).build() }
    }

    fn data(&self, span: &FinishedSpan) -> SpanData {
        let state = span.trace_state.parse::<TraceState>().unwrap_or_default();
        let at = |after| span.start_time.checked_add(after).unwrap_or(span.start_time);
        let events = span.events.iter().map(|(name, after)| Event::new(*name, at(*after), Vec::new(), 0));
        let mut kept_events = SpanEvents::default();
        kept_events.events = events.collect();
        let mut links = SpanLinks::default();
        links.links =
            span.links.iter().map(|link| Link::with_context(context(link, TraceState::NONE))).collect();
        let end_time: SystemTime = at(span.duration);
        SpanData {
            span_context: context(&span.context, state),
            parent_span_id: span.parent.map_or(SpanId::INVALID, |parent| span_id(&parent)),
            parent_span_is_remote: matches!(span.kind, SpanKind::Server | SpanKind::Consumer),
            span_kind: kind(span.kind),
            name: span.name.clone(),
            start_time: span.start_time,
            end_time,
            attributes: span
                .attributes
                .iter()
                .map(|(key, value)| KeyValue::new(*key, attribute(value)))
                .collect(),
            dropped_attributes_count: 0,
            events: kept_events,
            links,
            status: span.error.clone().map_or(Status::Unset, Status::error),
            instrumentation_scope: self.scope.clone(),
        }
    }
}

impl Batches for SpanBatches {
    type Item = FinishedSpan;

    async fn send(&self, spans: &[FinishedSpan]) -> Verdict {
        let batch = spans.iter().map(|span| self.data(span)).collect();
        self.probe.reset();
        let result = self.exporter.export(batch).await;
        self.probe.verdict(result)
    }

    fn failure(&self) -> Option<String> {
        self.probe.failure()
    }
}

fn context(here: &TraceParent, state: TraceState) -> SpanContext {
    let trace = TraceId::from_hex(here.trace_id()).unwrap_or(TraceId::INVALID);
    SpanContext::new(trace, span_id(here), TraceFlags::SAMPLED, false, state)
}

fn span_id(here: &TraceParent) -> SpanId {
    SpanId::from_hex(here.span_id()).unwrap_or(SpanId::INVALID)
}

fn kind(kind: SpanKind) -> OtelKind {
    match kind {
        SpanKind::Server => OtelKind::Server,
        SpanKind::Client => OtelKind::Client,
        SpanKind::Producer => OtelKind::Producer,
        SpanKind::Consumer => OtelKind::Consumer,
        SpanKind::Internal => OtelKind::Internal,
    }
}

fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Int(value) => Value::I64(*value),
        AttributeValue::Float(value) => Value::F64(*value),
        AttributeValue::Bool(value) => Value::Bool(*value),
        other => Value::String(other.to_string().into()),
    }
}
