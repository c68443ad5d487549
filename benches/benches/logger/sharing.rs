//! What sharing a logger costs by itself: two threads through one logger beside two threads with a logger and a sink each,
//! in the same run.
//!
//! Two virtual cores may be two halves of one real core, on which any two busy threads are slower than one. That hits both
//! contenders alike; what is left between them is what the library makes its threads wait for each other.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use underpin_benches::Comparison;
use underpin_logger::sink::{BufferedSink, DirectSink, Output};
use underpin_logger::{Context, Logger, SlogLogger};

use super::{Failure, Nothing, context, format, logger, our_record, slog_record};

type Log = Arc<dyn Logger>;

pub(super) fn compare(folder: &Path) -> Result<(), Failure> {
    let file = |name: &str| folder.join(format!("sharing-{name}"));
    let buffered = |name: &str| BufferedSink::new(Output::file(file(name))?).map(logger);
    let direct = || Output::file("/dev/null").map(DirectSink::new).map(logger);

    rows("no sink", [logger(Nothing), logger(Nothing), logger(Nothing)], &|| {});
    background();
    rows("`/dev/null`, direct sink", [direct()?, direct()?, direct()?], &|| {});
    rows("a file, buffered sink", [buffered("one")?, buffered("first")?, buffered("second")?], &|| {
        for name in ["one", "first", "second"] {
            empty(&file(name));
        }
    });
    Ok(())
}

/// Records of slog code outside of any request: each asks for the context of its task.
fn background() {
    let slog = || SlogLogger::json(format()).sink(Nothing).build().slog();
    let (one, first, second) = (slog(), slog(), slog());
    let round = |loggers: &[&slog::Logger], times: u64| run(loggers, times, slog_record);
    Comparison::new("two threads of slog code and no sink: one logger, or one each", "record and thread")
        .timed("a logger and a sink each", |times| round(&[&first, &second], times))
        .timed("one logger for both", |times| round(&[&one, &one], times))
        .timed("one thread alone", |times| round(&[&one], times))
        .print();
}

/// One table; `before` runs ahead of each round.
fn rows(sink: &str, [one, first, second]: [Log; 3], before: &dyn Fn()) {
    let title = format!("two threads and {sink}: one logger, or one each");
    // Contexts of their own in all rows: a request is handled by one thread.
    let contexts = [context(), context()];
    let [ctx, _] = &contexts;
    let round = |threads: &[(&Log, &Context)], times: u64| {
        before();
        run(threads, times, |(log, ctx)| our_record(log, ctx))
    };
    Comparison::new(title, "record and thread")
        .timed("a logger and a sink each", |times| {
            let [ctx, other] = &contexts;
            round(&[(&first, ctx), (&second, other)], times)
        })
        .timed("one logger for both", |times| {
            let [ctx, other] = &contexts;
            round(&[(&one, ctx), (&one, other)], times)
        })
        .timed("one logger, the same context too", |times| round(&[(&one, ctx), (&one, ctx)], times))
        .timed("one thread alone", |times| round(&[(&one, ctx)], times))
        .print();
}

/// Lets each thread log that many records, all at once; what the slowest took.
#[allow(clippy::expect_used, reason = "a thread that is lost measures something else")]
fn run<T: Copy + Sync + Send>(threads: &[T], times: u64, record: impl Fn(T) + Sync) -> Duration {
    let start = Barrier::new(threads.len());
    let work = |thread: T| {
        start.wait();
        let begun = Instant::now();
        (0..times).for_each(|_| record(thread));
        begun.elapsed()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = threads.iter().map(|thread| scope.spawn(|| work(*thread))).collect();
        let took = threads.into_iter().map(|thread| thread.join().expect("nobody panics"));
        took.max().unwrap_or_default()
    })
}

#[allow(clippy::expect_used, reason = "a log that grows for ever measures something else")]
fn empty(path: &Path) {
    let file = File::options().write(true).open(path);
    file.and_then(|file| file.set_len(0)).expect("the logger's own file");
}
