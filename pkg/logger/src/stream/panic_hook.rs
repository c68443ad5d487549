use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic::{self, PanicHookInfo},
    thread,
    time::Duration,
};

use crate::{Callsite, Context, Entry, Level, Logger, Tag, Value, sink};

/// Logs every panic at error level, with thread, location and request, and flushes; then the hook that was there before
/// runs (the standard library's prints to standard error).
///
/// The backtrace is logged where `RUST_BACKTRACE` asks for one.
pub fn install_panic_hook(log: impl Logger + 'static) {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // A panic inside of a log output must not come back to that output.
        if !sink::inside_output() {
            record(&log, info);
        }
        before(info);
    }));
}

fn record(log: &dyn Logger, info: &PanicHookInfo<'_>) {
    /// How long a panicking thread waits for the flush.
    const DEADLINE: Duration = Duration::from_secs(1);

    let ctx = Context::current();
    let thread = thread::current();
    let (file, line) = info.location().map_or(("", 0), |location| (location.file(), location.line()));
    let location = format_args!("{file}:{line}").to_string();
    let backtrace = Backtrace::capture();
    let mut tags = vec![
        Tag::new("panic", info.payload_as_str().unwrap_or("(not a text)")),
        Tag::new("at", &location),
        Tag::new("thread", thread.name().unwrap_or("(unnamed)")),
    ];
    if backtrace.status() == BacktraceStatus::Captured {
        tags.push(Tag::of("backtrace", Value::Display(&backtrace)));
    }
    log.log(&Entry::new(Level::Error, &ctx, "panicked", Callsite::new("panic", file, line)).with_tags(&tags));
    // A failure cannot be reported any more.
    let _late = log.flush(DEADLINE);
}
