//! Spans of `tracing` join the trace of the context around them. The subscriber is the thread's own.

use tracing_subscriber::{Registry, layer::SubscriberExt as _};
use underpin_logger::{
    AttributeValue, Context, JsonFormat, RequestId, SlogLogger, SpanKind, TraceParent, TracingLayer,
    sink::MemorySink, testing::CaptureSpans,
};

fn with_layer(work: impl FnOnce(&CaptureSpans, &MemorySink)) {
    let spans = CaptureSpans::install();
    let sink = MemorySink::new();
    let log = SlogLogger::json(JsonFormat::new()).sink(sink.clone()).build();
    let subscriber = Registry::default().with(TracingLayer::new(&log).unwrap());
    tracing::subscriber::with_default(subscriber, || work(&spans, &sink));
}

fn request() -> Context {
    Context::new(RequestId::generate()).with_trace(TraceParent::generate())
}

fn id(ctx: &Context) -> &str {
    ctx.trace().unwrap().trace_id()
}

#[test]
fn spans_of_both_kinds_nest_in_each_other() {
    with_layer(|spans, sink| {
        let ctx = request();
        ctx.scope_sync(|| {
            let outer = ctx.span("handler", SpanKind::Server);
            outer.ctx().scope_sync(|| {
                let _entered = tracing::info_span!("checkout", items = 3, otel.kind = "client").entered();
                tracing::info!("inside");
                let inner = Context::current().span("statement", SpanKind::Client);
                inner.ctx().scope_sync(|| tracing::info_span!("driver").in_scope(|| ()));
            });
            assert_eq!(Context::current().traceparent(), ctx.traceparent());
        });
        assert_eq!(spans.tree(id(&ctx)), "handler\n  checkout\n    statement\n      driver\n");
        let checkout = spans.of_trace(id(&ctx)).into_iter().find(|span| span.name == "checkout").unwrap();
        assert_eq!(
            (checkout.kind, checkout.attribute("items")),
            (SpanKind::Client, Some(&AttributeValue::Int(3)))
        );
        let line = sink.lines().concat();
        assert!(line.contains(checkout.context.span_id()), "{line}");
    });
}

#[test]
fn a_span_that_is_instrumented_onto_another_task_keeps_its_parent() {
    with_layer(|spans, _| {
        let ctx = request();
        let span = ctx.scope_sync(|| tracing::info_span!("outer"));
        let follower = tracing::info_span!(parent: &span, "follower");
        follower.in_scope(|| assert_eq!(id(&Context::current()), id(&ctx)));
        drop((follower, span));
        tracing::info_span!(parent: None, "detached").in_scope(|| assert!(Context::try_current().is_none()));
        assert_eq!(spans.tree(id(&ctx)), "outer\n  follower\n");
    });
}

#[test]
fn guards_that_are_dropped_out_of_order_leave_nothing_behind() {
    with_layer(|_, _| {
        let ctx = request();
        ctx.scope_sync(|| {
            let (first, second) = (tracing::info_span!("first"), tracing::info_span!("second"));
            let (entered_first, entered_second) = (first.enter(), second.enter());
            drop(entered_first);
            let inside = Context::current();
            assert_ne!(inside.traceparent(), ctx.traceparent());
            drop(entered_second);
            assert_eq!(Context::current().traceparent(), ctx.traceparent());
        });
        assert!(Context::try_current().is_none());
    });
}

#[test]
fn secrets_and_recorded_fields_are_treated_as_in_the_log() {
    with_layer(|spans, _| {
        let ctx = request();
        ctx.scope_sync(|| {
            let span = tracing::info_span!(
                "login",
                password = "hunter2",
                rows = tracing::field::Empty,
                otel.name = "log in"
            );
            span.record("rows", 7_u64);
        });
        let [span] = &spans.of_trace(id(&ctx))[..] else { panic!("one span") };
        assert_eq!(span.name, "log in");
        assert_eq!(span.attribute("rows"), Some(&AttributeValue::Int(7)));
        assert!(!format!("{span:?}").contains("hunter2"));
    });
}
