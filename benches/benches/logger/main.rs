//! One log record beside zerolog and zap (where there is a Go toolchain), slog-json, slog-async and tracing-subscriber.
//!
//! The record: a message, four context fields (service, request id, trace id, span id) and five fields of the call site
//! (integer, float, text, bool, duration), as JSON on one line with a timestamp in microseconds. The sinks: nothing at
//! all, `/dev/null`, and a file that is opened for appending and emptied before each round. One thread, and two that log
//! through the same logger; the time is that of one record of one thread, as its caller sees it. What the sharing itself
//! costs is a table of its own, which the argument `sharing` prints alone.

mod sharing;
mod sizes;

use std::fs::File;
use std::hint::black_box;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use sizes::Sizes;
use slog::Drain;
use underpin_benches::{Comparison, GoPeer};
use underpin_logger::sink::{BufferedSink, DirectSink, Output, Sink};
use underpin_logger::{
    Context, FlushError, JsonFormat, LevelRules, Logger, RequestId, SlogLogger, debug, info,
};

const REQUEST_ID: &str = "0192f0c1-2b3c-7d4e-8f90-123456789abc";
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN_ID: &str = "00f067aa0ba902b7";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    if std::env::args().any(|argument| argument == "sharing") {
        return sharing::compare(folder.path());
    }
    let go = GoPeer::build("logger", &[&folder.path().to_string_lossy()])?;
    let sizes = Sizes::measure(go.as_ref())?;
    disabled(go.as_ref());
    for place in [Place::Nothing, Place::Null, Place::File] {
        for threads in [1, 2] {
            enabled(&Table { place, threads, folder: folder.path() }, go.as_ref(), &sizes)?;
        }
    }
    sharing::compare(folder.path())
}

/// A record whose level is off.
fn disabled(go: Option<&GoPeer>) {
    let log: Arc<dyn Logger> =
        Arc::new(SlogLogger::json(format()).levels(LevelRules::default()).sink(Nothing).build());
    let ctx = context();
    let slog = slog::Logger::root(
        slog_json(Box::new(io::sink())).filter_level(slog::Level::Info).fuse(),
        slog::o!(),
    );
    let mut table = Comparison::new("a record whose level is off", "call");
    if let Some(go) = go {
        table = table
            .timed("zerolog", |times| go.run("zerolog-off-1", times))
            .timed("zap", |times| go.run("zap-off-1", times));
    }
    table
        .contender("slog-json", || slog::debug!(slog, "order accepted"; "items" => black_box(3)))
        .contender("underpin", || debug!(log, &ctx, "order accepted", items = black_box(3)))
        .print();
}

/// What a table measures: where records go, and from how many threads.
struct Table<'f> {
    place: Place,
    threads: usize,
    folder: &'f Path,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Nothing,
    Null,
    File,
}

/// The same record through everybody, all into sinks of the same sort.
fn enabled(table: &Table<'_>, go: Option<&GoPeer>, sizes: &Sizes) -> Result<(), Failure> {
    let slog_json_log = slog::Logger::root(slog_json(table.writer("slog-json")?).fuse(), slog_context());
    let worker = slog_async::Async::new(slog_json(table.writer("slog-async")?).fuse())
        .chan_size(8192)
        .overflow_strategy(slog_async::OverflowStrategy::Block)
        .build();
    let slog_async_log = slog::Logger::root(worker.fuse(), slog_context());
    let subscriber = tracing::Dispatch::new(subscriber(table.writer("tracing")?));
    let direct = logger(DirectSink::new(table.output("direct")?));
    let buffered = logger(BufferedSink::new(table.output("buffered")?)?);
    let ctx = context();

    let (place, unit) = match table.place {
        Place::Nothing => ("nothing", "a sink that does nothing"),
        Place::Null => ("null", "/dev/null"),
        Place::File => ("file", "a file"),
    };
    let threads = if table.threads == 1 { "one thread" } else { "two threads" };
    let mut comparison = Comparison::new(format!("one record into {unit}, {threads}"), "record and thread");
    if let Some(go) = go {
        let work = move |library: &str, place: &str| format!("{library}-{place}-{}", table.threads);
        let (zerolog, zap) = (work("zerolog", place), work("zap", place));
        comparison = comparison
            .timed(format!("zerolog, {}", sizes.zerolog), move |times| go.run(&zerolog, times))
            .timed(format!("zap, {}", sizes.zap), move |times| go.run(&zap, times));
        if table.place == Place::File {
            let (zerolog, zap) = (work("zerolog", "buffered"), work("zap", "buffered"));
            comparison = comparison
                .timed("zerolog over zap's buffer of 64 KiB", move |times| go.run(&zerolog, times))
                .timed("zap over its buffer of 64 KiB", move |times| go.run(&zap, times));
        }
    }
    comparison = comparison
        .timed(format!("slog-json, flushed each record, {}", sizes.slog), |times| {
            table.run("slog-json", times, || slog_record(&slog_json_log))
        })
        .timed("slog-async over it, blocking", |times| {
            table.run("slog-async", times, || slog_record(&slog_async_log))
        })
        .timed(format!("tracing-subscriber, JSON, flattened, {}", sizes.tracing), |times| {
            table.run("tracing", times, || tracing::dispatcher::with_default(&subscriber, tracing_record))
        });
    if table.place == Place::Nothing {
        let nothing = logger(Nothing);
        let ctx = &ctx;
        comparison = comparison.timed(format!("underpin, {}", sizes.underpin), move |times| {
            table.run("nothing", times, || our_record(&nothing, ctx))
        });
    }
    comparison
        .timed(format!("underpin, direct sink, {}", sizes.underpin), |times| {
            table.run("direct", times, || our_record(&direct, &ctx))
        })
        .timed(format!("underpin, buffered sink, {}", sizes.underpin), |times| {
            table.run("buffered", times, || our_record(&buffered, &ctx))
        })
        .print();
    buffered.flush(Duration::from_secs(5))?;
    Ok(())
}

impl Table<'_> {
    fn path(&self, contender: &str) -> PathBuf {
        match self.place {
            Place::Nothing | Place::Null => PathBuf::from("/dev/null"),
            Place::File => self.folder.join(contender),
        }
    }

    fn writer(&self, contender: &str) -> io::Result<Box<dyn Write + Send>> {
        match self.place {
            Place::Nothing => Ok(Box::new(io::sink())),
            Place::Null | Place::File => {
                Ok(Box::new(File::options().append(true).create(true).open(self.path(contender))?))
            }
        }
    }

    fn output(&self, contender: &str) -> io::Result<Output> {
        match self.place {
            Place::Nothing => Ok(Output::writer(io::sink())),
            Place::Null | Place::File => Output::file(self.path(contender)),
        }
    }

    /// Lets each thread log that many records, all at once, into an empty file; what the slowest took.
    #[allow(clippy::expect_used, reason = "a contender without its file measures something else")]
    fn run(&self, contender: &str, times: u64, record: impl Fn() + Sync) -> Duration {
        if self.place == Place::File {
            let file = File::options().write(true).open(self.path(contender));
            file.and_then(|file| file.set_len(0)).expect("the contender's own file");
        }
        let log = || {
            let start = Instant::now();
            (0..times).for_each(|_| record());
            start.elapsed()
        };
        if self.threads == 1 {
            return log();
        }
        let start = Barrier::new(self.threads);
        let work = || {
            start.wait();
            log()
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads).map(|_| scope.spawn(work)).collect();
            let took = threads.into_iter().map(|thread| thread.join().expect("no contender panics"));
            took.max().unwrap_or_default()
        })
    }
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
        span_id = SPAN_ID,
        items = black_box(3),
        total = black_box(17.25),
        customer = black_box("ada"),
        express = black_box(true),
        took = black_box(1.25),
        "order accepted"
    );
}

/// Takes lines and does nothing with them.
struct Nothing;

impl Sink for Nothing {
    fn write(&self, _: underpin_logger::Level, lines: &[u8]) {
        black_box(lines);
    }

    fn flush(&self, _: Duration) -> Result<(), FlushError> {
        Ok(())
    }

    fn dropped(&self) -> u64 {
        0
    }
}

fn format() -> JsonFormat {
    JsonFormat::new().service("bench").without_target()
}

fn logger(sink: impl Sink + 'static) -> Arc<dyn Logger> {
    Arc::new(SlogLogger::json(format()).sink(sink).build())
}

fn slog_json(writer: Box<dyn Write + Send>) -> impl Drain<Ok = (), Err = slog::Never> + Send + 'static {
    let drain = slog_json::Json::new(BufWriter::new(writer)).add_default_keys().set_flush(true).build();
    Mutex::new(drain).map(slog::Fuse)
}

fn slog_context() -> slog::OwnedKV<impl slog::SendSyncRefUnwindSafeKV + 'static> {
    slog::o!("span_id" => SPAN_ID, "trace_id" => TRACE_ID, "request_id" => REQUEST_ID, "service" => "bench")
}

fn subscriber(writer: Box<dyn Write + Send>) -> impl tracing::Subscriber + Send + Sync {
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_target(false);
    lines.with_writer(Mutex::new(writer)).finish()
}

#[allow(clippy::expect_used, reason = "the two constants are valid")]
fn context() -> Context {
    Context::new(RequestId::parse(REQUEST_ID).expect("a valid id"))
        .with_traceparent(TRACEPARENT)
        .expect("a valid header")
}
