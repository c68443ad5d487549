//! One log record beside slog-json, slog-async and tracing-subscriber.
//!
//! The record: a message, three context fields (request id, service, trace id) and five fields of the call site (integer,
//! float, text, bool, duration), as JSON on one line. The sinks: nothing at all, `/dev/null`, and a file on disk.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, BufWriter, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use slog::Drain;
use underpin_benches::Comparison;
use underpin_logger::sink::{BufferedSink, DirectSink, Output};
use underpin_logger::{Context, JsonFormat, LevelRules, Logger, RequestId, SlogLogger, debug, info};

const REQUEST_ID: &str = "0192f0c1-2b3c-7d4e-8f90-123456789abc";
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    disabled();
    enabled("no sink", || Ok(Box::new(io::sink())), || Ok(Output::writer(io::sink())))?;
    enabled(
        "/dev/null",
        || Ok(Box::new(File::options().append(true).open("/dev/null")?)),
        || Output::file("/dev/null"),
    )?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("peers.log");
    let ours = folder.path().join("underpin.log");
    enabled(
        "a file",
        || Ok(Box::new(File::options().append(true).create(true).open(&path)?)),
        || Output::file(&ours),
    )
}

/// A record whose level is off.
fn disabled() {
    let format = JsonFormat::new().service("bench");
    let quiet = LevelRules::default();
    let log: Arc<dyn Logger> = Arc::new(
        SlogLogger::json(format).levels(quiet).sink(DirectSink::new(Output::writer(io::sink()))).build(),
    );
    let ctx = context();
    let root = slog::Logger::root(
        slog_json(Box::new(io::sink())).filter_level(slog::Level::Info).fuse(),
        slog::o!(),
    );
    Comparison::new("a record whose level is off", "call")
        .contender("slog-json", || slog::debug!(root, "order accepted"; "n" => black_box(1)))
        .contender("underpin", || debug!(log, &ctx, "order accepted", n = black_box(1)))
        .print();
}

/// The same record through everybody, all into sinks of the same sort.
fn enabled(
    sink: &str,
    peer: impl Fn() -> io::Result<Box<dyn Write + Send>>,
    ours: impl Fn() -> io::Result<Output>,
) -> Result<(), Box<dyn std::error::Error>> {
    let values = slog::o!("service" => "bench", "request_id" => REQUEST_ID, "trace_id" => TRACE_ID);
    let slog_json_log = slog::Logger::root(slog_json(peer()?).fuse(), values);

    let values = slog::o!("service" => "bench", "request_id" => REQUEST_ID, "trace_id" => TRACE_ID);
    let worker = slog_async::Async::new(slog_json(peer()?).fuse())
        .chan_size(8192)
        .overflow_strategy(slog_async::OverflowStrategy::Block)
        .build();
    let slog_async_log = slog::Logger::root(worker.fuse(), values);

    let subscriber =
        tracing_subscriber::fmt().json().flatten_event(true).with_writer(Mutex::new(peer()?)).finish();
    let _guard = tracing::dispatcher::set_default(&tracing::Dispatch::new(subscriber));

    let format = JsonFormat::new().service("bench").without_target();
    let direct: Arc<dyn Logger> =
        Arc::new(SlogLogger::json(format.clone()).sink(DirectSink::new(ours()?)).build());
    let buffered: Arc<dyn Logger> =
        Arc::new(SlogLogger::json(format).sink(BufferedSink::new(ours()?)?).build());
    let ctx = context();

    Comparison::new(format!("one record into {sink}"), "record")
        .contender("slog-json, Mutex and BufWriter, flushed each record", || slog_record(&slog_json_log))
        .contender("slog-async over it, blocking", || slog_record(&slog_async_log))
        .contender("tracing-subscriber, JSON, flattened", tracing_record)
        .contender("underpin, direct sink", || our_record(&direct, &ctx))
        .contender("underpin, buffered sink", || our_record(&buffered, &ctx))
        .print();
    buffered.flush(Duration::from_secs(5))?;
    Ok(())
}

fn our_record(log: &Arc<dyn Logger>, ctx: &Context) {
    info!(
        log,
        ctx,
        "order accepted",
        items = black_box(3),
        total = black_box(17.25),
        customer = black_box("ada"),
        express = black_box(true),
        took = black_box(Duration::from_micros(1250))
    );
}

fn slog_record(log: &slog::Logger) {
    slog::info!(log, "order accepted";
        "took" => black_box(1.25),
        "express" => black_box(true),
        "customer" => black_box("ada"),
        "total" => black_box(17.25),
        "items" => black_box(3)
    );
}

fn tracing_record() {
    tracing::info!(
        service = "bench",
        request_id = REQUEST_ID,
        trace_id = TRACE_ID,
        items = black_box(3),
        total = black_box(17.25),
        customer = black_box("ada"),
        express = black_box(true),
        took = black_box(1.25),
        "order accepted"
    );
}

fn slog_json(writer: Box<dyn Write + Send>) -> impl Drain<Ok = (), Err = slog::Never> + Send + 'static {
    let drain = slog_json::Json::new(BufWriter::new(writer)).add_default_keys().set_flush(true).build();
    Mutex::new(drain).map(slog::Fuse)
}

#[allow(clippy::expect_used, reason = "the two constants are valid")]
fn context() -> Context {
    Context::new(RequestId::parse(REQUEST_ID).expect("a valid id"))
        .with_traceparent(TRACEPARENT)
        .expect("a valid header")
}
