//! Spans: who records, under which parent, and what a span carries.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, SystemTime},
};

use underpin_logger::{
    AttributeValue, Context, FinishedSpan, RequestId, Sampler, SpanKind, TraceParent, TraceState,
    install_span_sink,
    testing::{CaptureSpans, MockSpanSink},
};

fn sampled() -> Context {
    Context::new(RequestId::generate()).with_trace(TraceParent::generate())
}

fn trace_id(ctx: &Context) -> String {
    ctx.trace().unwrap().trace_id().to_owned()
}

fn only(spans: &CaptureSpans, ctx: &Context) -> FinishedSpan {
    let mut all = spans.of_trace(&trace_id(ctx));
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn a_span_is_a_child_of_the_one_in_its_context() {
    let spans = CaptureSpans::install();
    let caller = sampled().with_trace_state(TraceState::parse("rojo=1").unwrap());
    {
        let request = caller.entry_span("GET", SpanKind::Server);
        let transaction = request.ctx().span("transaction", SpanKind::Internal);
        drop(transaction.ctx().span("INSERT orders", SpanKind::Client));
        drop(transaction.ctx().span("INSERT outbox", SpanKind::Client));
        assert_eq!(transaction.ctx().request_id(), caller.request_id());
        assert_eq!(transaction.ctx().tracestate(), Some("rojo=1"));
    }
    let tree = spans.tree(&trace_id(&caller));
    assert_eq!(tree, "GET\n  transaction\n    INSERT orders\n    INSERT outbox\n");
    let root = spans.of_trace(&trace_id(&caller)).remove(0);
    assert_eq!((root.parent, root.kind), (caller.trace().copied(), SpanKind::Server));
    assert_eq!(root.trace_state, "rojo=1");
}

#[test]
fn a_context_tells_whether_its_spans_are_recorded() {
    let spans = CaptureSpans::install();
    let unsampled = sampled().with_trace(TraceParent::generate_unsampled());
    let asked = [sampled(), unsampled, Context::background()].map(|ctx| ctx.is_recorded());
    assert_eq!(asked, [true, false, false]);
    drop(spans);
}

#[test]
fn a_span_carries_what_it_was_told() {
    let spans = CaptureSpans::install();
    let (ctx, other) = (sampled(), TraceParent::generate());
    let before = SystemTime::now();
    let mut span = ctx.span("lookup", SpanKind::Client);
    span.rename(|| format!("lookup {}", "orders"));
    span.set("rows", 3_usize);
    span.set("cached", false);
    span.set("rows", 4_u64);
    span.event("connection acquired");
    span.link(&other);
    let failed = span.watch("x".parse::<i32>());
    drop(span);
    let span = only(&spans, &ctx);
    assert_eq!(span.name, "lookup orders");
    assert_eq!(span.attribute("rows"), Some(&AttributeValue::Int(4)));
    assert_eq!(span.attribute("cached"), Some(&AttributeValue::Bool(false)));
    assert_eq!(
        (span.links.as_slice(), span.error),
        ([other].as_slice(), Some(failed.unwrap_err().to_string()))
    );
    assert!(span.start_time >= before && span.start_time <= SystemTime::now());
    let [(event, after)] = span.events[..] else { panic!("{:?}", span.events) };
    assert!(event == "connection acquired" && after <= span.duration);
}

#[test]
fn a_span_outside_of_a_sampled_trace_is_its_own_context() {
    let _spans = CaptureSpans::install();
    for ctx in [Context::background(), Context::background().with_trace(TraceParent::generate_unsampled())] {
        let mut span = ctx.span("never", SpanKind::Internal);
        span.rename(|| -> &'static str { unreachable!("asked for the name of a span that nobody records") });
        assert!(!span.is_recording());
        assert_eq!(span.ctx().traceparent(), ctx.traceparent());
    }
}

#[test]
fn an_entry_gets_ids_and_keeps_the_decision_of_the_caller() {
    let _spans = CaptureSpans::install();
    let root = Context::background().entry_span("tick", SpanKind::Server);
    assert!(root.is_recording() && root.ctx().trace().unwrap().is_sampled());
    let caller = Context::background().with_trace(TraceParent::generate_unsampled());
    let entry = caller.entry_span("GET", SpanKind::Server);
    assert!(!entry.is_recording() && !entry.ctx().trace().unwrap().is_sampled());
    assert_eq!(trace_id(entry.ctx()), trace_id(&caller));
    assert_ne!(entry.ctx().traceparent(), caller.traceparent());
}

#[test]
fn a_span_that_is_discarded_is_not_recorded() {
    let spans = CaptureSpans::install();
    let tick = Context::background().root_span("tick", SpanKind::Internal, []);
    let ctx = tick.ctx().clone();
    tick.discard();
    assert!(spans.of_trace(&trace_id(&ctx)).is_empty());
}

#[test]
fn a_batch_is_recorded_if_one_of_its_links_is_and_keeps_128_of_them() {
    let spans = CaptureSpans::install();
    let unsampled = [TraceParent::generate_unsampled(), TraceParent::generate_unsampled()];
    let silent = Context::background().root_span("publish", SpanKind::Producer, unsampled);
    assert!(!silent.is_recording() && !silent.ctx().trace().unwrap().is_sampled());
    let links: Vec<_> = unsampled.into_iter().chain((0..200).map(|_| TraceParent::generate())).collect();
    let batch = sampled().root_span("publish", SpanKind::Producer, links.clone());
    let ctx = batch.ctx().clone();
    drop(batch);
    let batch = only(&spans, &ctx);
    assert_eq!((batch.parent, batch.links.len()), (None, 126));
    assert_eq!(spans.linked_to(links[2].trace_id()).len(), 1);
}

#[test]
fn a_first_delivery_within_five_minutes_is_a_child_and_any_other_a_root_with_a_link() {
    let spans = CaptureSpans::install();
    let ago = |seconds| SystemTime::now().checked_sub(Duration::from_secs(seconds));
    for (attempt, sent, is_child) in
        [(1, None, true), (1, ago(200), true), (1, ago(400), false), (2, ago(1), false)]
    {
        let sender = sampled();
        drop(sender.process_span("process", "order.placed", attempt, sent));
        let (children, linked) = (spans.of_trace(&trace_id(&sender)), spans.linked_to(&trace_id(&sender)));
        let of = if is_child { &children } else { &linked };
        assert_eq!((children.len(), linked.len()), if is_child { (1, 0) } else { (0, 1) });
        assert_eq!((of[0].name.as_ref(), of[0].kind), ("process order.placed", SpanKind::Consumer));
        assert_eq!(of[0].parent.is_some(), is_child);
    }
    let unsampled = Context::background().with_trace(TraceParent::generate_unsampled());
    assert!(!unsampled.process_span("process", "order.placed", 7, ago(900)).is_recording());
}

#[test]
fn a_sink_that_panics_does_not_reach_whoever_ends_the_span() {
    crate::child::alone("spans::a_sink_that_panics_does_not_reach_whoever_ends_the_span", || {
        let mut sink = MockSpanSink::new();
        sink.expect_end().times(1).returning(|_| panic!("broken"));
        let guard = install_span_sink(Arc::new(sink), Sampler::always_on()).unwrap();
        let second = install_span_sink(Arc::new(MockSpanSink::new()), Sampler::always_on());
        assert!(second.is_err());
        let ctx = sampled();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(ctx.span("a", SpanKind::Internal)))).is_ok());
        drop(guard);
        assert!(!ctx.span("b", SpanKind::Internal).is_recording());
        assert!(install_span_sink(Arc::new(MockSpanSink::new()), Sampler::always_on()).is_ok());
    });
}
