//! A record costs its caller no allocation, whichever way it comes.
#![allow(unsafe_code, reason = "a counting allocator cannot be written without")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    io,
    sync::Arc,
    time::Duration,
};

use tracing_subscriber::layer::SubscriberExt as _;
use underpin_logger::{
    Context, JsonFormat, Logger, RequestId, SlogLogger, SpanKind, TerminalFormat, TraceParent, TracingLayer,
    debug, error, info,
    sink::{BufferedSink, DirectSink, Output, Overflow},
    testing::CaptureSpans,
};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system allocator unchanged; the counter is a const-initialized Cell without a
// destructor, so touching it neither allocates nor outlives its thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's contract is the same.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const RECORDS: u64 = 10_000;

/// The allocations of this thread while `record` runs many times, after it has run a few.
fn allocations(record: impl Fn()) -> u64 {
    (0..100).for_each(|_| record());
    let before = COUNT.get();
    (0..RECORDS).for_each(|_| record());
    COUNT.get() - before
}

fn context() -> Context {
    Context::new(RequestId::generate()).child_span().with_organization("acme")
}

fn json() -> SlogLogger {
    let output = Output::writer(io::sink());
    SlogLogger::json(JsonFormat::new().service("orders")).sink(DirectSink::new(output)).build()
}

fn record(log: &dyn Logger, ctx: &Context) {
    info!(
        log,
        ctx,
        "order accepted",
        order_id = 42,
        ratio = 0.25,
        customer = "ada \"lovelace\"",
        paid = true,
        took = Duration::from_micros(1530),
        shown = %format_args!("{}-{}", 1, 2),
    );
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), RECORDS);
}

#[test]
fn a_json_record_allocates_nothing() {
    let (log, ctx): (Arc<dyn Logger>, _) = (Arc::new(json()), context());
    assert_eq!(allocations(|| record(&*log, &ctx)), 0);
}

#[test]
fn a_json_record_with_an_error_chain_allocates_nothing() {
    let (log, ctx, failure) = (json(), context(), io::Error::from(io::ErrorKind::ConnectionRefused));
    assert_eq!(allocations(|| error!(log, &ctx, &failure, "order lost", order_id = 42)), 0);
}

#[test]
fn a_buffered_json_record_allocates_nothing() {
    let sink = BufferedSink::with(
        Output::writer(io::sink()),
        BufferedSink::BATCH,
        Overflow::Block(Duration::from_secs(60)),
    );
    let (log, ctx) = (SlogLogger::json(JsonFormat::new()).sink(sink.unwrap()).build(), context());
    assert_eq!(allocations(|| record(&log, &ctx)), 0);
}

#[test]
fn a_terminal_record_allocates_nothing() {
    let sink = DirectSink::new(Output::writer(io::sink()));
    let (log, ctx) = (SlogLogger::terminal(TerminalFormat::coloured()).sink(sink).build(), context());
    assert_eq!(allocations(|| record(&log, &ctx)), 0);
}

#[test]
fn a_record_of_a_disabled_level_allocates_nothing() {
    let (log, ctx) = (json(), context());
    assert_eq!(allocations(|| debug!(log, &ctx, "never", made = format!("{}", 1))), 0);
}

#[test]
fn a_slog_record_allocates_nothing() {
    let log = json().slog().new(slog::o!("component" => "billing"));
    assert_eq!(allocations(|| slog::info!(log, "invoice sent"; "cents" => 700, "to" => "ada")), 0);
}

#[test]
fn a_bridged_tracing_record_allocates_nothing() {
    let subscriber = tracing_subscriber::Registry::default().with(TracingLayer::new(&json()).unwrap());
    let count = tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("job", id = 7);
        let _inside = span.enter();
        context()
            .scope_sync(|| allocations(|| tracing::info!(rows = 3, who = "ada", shown = ?Some(1), "bridged")))
    });
    assert_eq!(count, 0);
}

#[test]
fn a_span_that_is_not_recorded_allocates_nothing() {
    let _spans = CaptureSpans::install();
    let unsampled = Context::new(RequestId::generate()).with_trace(TraceParent::generate_unsampled());
    let count = allocations(|| {
        let mut span = unsampled.span("query", SpanKind::Client);
        span.rename(|| format!("query {}", 1));
        span.set("table", "orders");
        span.event("acquired");
        let message = span.ctx().create_span("order.placed", "id");
        drop(message.ctx().process_span("process", "order.placed", 3, Some(std::time::SystemTime::now())));
    });
    assert_eq!(count, 0);
}
