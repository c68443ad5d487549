//! One span, opened and closed below another one, with two attributes: beside tracing with tracing-opentelemetry, and beside the SDK of
//! OpenTelemetry alone. What is recorded goes to a sink that drops it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::trace::{TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context as OtelContext, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    Sampler as SdkSampler, SdkTracerProvider, Span as SdkSpan, SpanData, SpanProcessor,
};
use tracing_subscriber::layer::SubscriberExt as _;
use underpin_benches::Comparison;
use underpin_logger::{
    Context, FinishedSpan, FlushError, RequestId, Sampler, SpanKind, SpanSink, TraceParent, install_span_sink,
};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let _sink = install_span_sink(Arc::new(Nothing), Sampler::default())?;
    compare(
        "a span of a trace that is not sampled",
        &SdkSampler::AlwaysOff,
        &TraceParent::generate_unsampled(),
    );
    compare("a span that is recorded", &SdkSampler::AlwaysOn, &TraceParent::generate());
    Ok(())
}

fn compare(title: &str, sampler: &SdkSampler, parent: &TraceParent) {
    let provider =
        SdkTracerProvider::builder().with_sampler(sampler.clone()).with_span_processor(Nothing).build();
    let tracer = provider.tracer("bench");
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
    let subscriber = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let root = OtelContext::new().with_span(tracer.start("root"));
    let ctx = Context::new(RequestId::generate()).with_trace(*parent);
    let mut bare = Comparison::new(title, "span");
    bare = bare
        .timed("tracing with tracing-opentelemetry", |times| traced(&subscriber, times))
        .contender("the SDK of OpenTelemetry alone", || {
            let span = tracer.span_builder("query").with_attributes([
                KeyValue::new("db.operation.name", black_box("SELECT")),
                KeyValue::new("rows", black_box(7_i64)),
            ]);
            span.start_with_context(&tracer, &root)
        })
        .contender("underpin", || {
            let mut span = ctx.span("query", SpanKind::Client);
            span.set("db.operation.name", black_box("SELECT"));
            span.set("rows", black_box(7_i64));
            span
        })
        .contender("underpin, without attributes", || ctx.span("query", SpanKind::Client));
    bare.print();
}

/// Spans below one that is entered.
fn traced(subscriber: &tracing::Dispatch, times: u64) -> Duration {
    tracing::dispatcher::with_default(subscriber, || {
        let _root = tracing::info_span!("root").entered();
        let start = Instant::now();
        for _ in 0..times {
            let span = tracing::info_span!(
                "query",
                db.operation.name = black_box("SELECT"),
                rows = black_box(7_i64)
            );
            drop(black_box(span.entered()));
        }
        start.elapsed()
    })
}

/// Takes finished spans and drops them.
#[derive(Debug)]
struct Nothing;

impl SpanSink for Nothing {
    fn end(&self, span: FinishedSpan) {
        drop(black_box(span));
    }

    fn flush(&self, _: Duration) -> Result<(), FlushError> {
        Ok(())
    }
}

impl SpanProcessor for Nothing {
    fn on_start(&self, _: &mut SdkSpan, _: &OtelContext) {}

    fn on_end(&self, span: SpanData) {
        drop(black_box(span));
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
