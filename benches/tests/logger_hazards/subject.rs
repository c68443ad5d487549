use std::sync::Mutex;

use slog::{Drain, Logger, o};
use slog_async::{Async, OverflowStrategy};
use underpin_logger::sink::{BufferedSink, DirectSink, Output, Sink};
use underpin_logger::{Context, JsonDrain, JsonFormat, SlogLogger};

use crate::tap::Tap;

/// A way to log into an output, as its documentation shows it. What is logged is written when the logger is dropped.
#[derive(Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    root: fn(Tap) -> Logger,
    /// Logs one record with the fields a, b and c, in this order, in the words of the library.
    abc: fn(Tap),
}

pub(crate) const DIRECT: Subject = Subject {
    name: "JsonDrain, direct sink",
    root: |tap| Logger::root(JsonDrain::new(direct(tap)), o!()),
    abc: |tap| our_abc(direct(tap)),
};

pub(crate) const BUFFERED: Subject = Subject {
    name: "JsonDrain, buffered sink",
    root: |tap| Logger::root(JsonDrain::new(buffered(tap)), o!()),
    abc: |tap| our_abc(buffered(tap)),
};

/// In a `Mutex`, fused: what slog's documentation shows.
pub(crate) const SLOG_JSON: Subject = Subject {
    name: "slog-json, fused",
    root: |tap| Logger::root(Mutex::new(slog_json::Json::default(tap)).map(slog::Fuse), o!()),
    abc: |tap| slog_abc(&(SLOG_JSON.root)(tap)),
};

/// In a `Mutex`, its errors ignored: the other way that slog's documentation shows.
pub(crate) const SLOG_JSON_SILENT: Subject = Subject {
    name: "slog-json, errors ignored",
    root: |tap| Logger::root(Mutex::new(slog_json::Json::default(tap)).ignore_res(), o!()),
    abc: |tap| slog_abc(&(SLOG_JSON_SILENT.root)(tap)),
};

/// With everything at its default.
pub(crate) const SLOG_ASYNC: Subject = Subject {
    name: "slog-async over slog-json",
    root: |tap| {
        let drain = Mutex::new(slog_json::Json::default(tap)).map(slog::Fuse);
        Logger::root(Async::default(drain).fuse(), o!())
    },
    abc: |tap| slog_abc(&(SLOG_ASYNC.root)(tap)),
};

pub(crate) const SLOG_ASYNC_BLOCKING: Subject = Subject {
    name: "slog-async over slog-json, blocking",
    root: |tap| {
        let drain = Mutex::new(slog_json::Json::default(tap)).map(slog::Fuse);
        let drain = Async::new(drain).overflow_strategy(OverflowStrategy::Block).build();
        Logger::root(drain.fuse(), o!())
    },
    abc: |tap| slog_abc(&(SLOG_ASYNC_BLOCKING.root)(tap)),
};

impl Subject {
    pub(crate) fn over(&self, tap: &Tap) -> Logger {
        (self.root)(tap.clone())
    }

    /// What a record with the fields a, b and c looks like.
    pub(crate) fn abc(&self) -> String {
        let tap = Tap::default();
        (self.abc)(tap.clone());
        tap.text()
    }
}

fn direct(tap: Tap) -> DirectSink {
    DirectSink::new(Output::writer(tap))
}

fn buffered(tap: Tap) -> BufferedSink {
    BufferedSink::new(Output::writer(tap)).expect("a thread")
}

fn our_abc(sink: impl Sink + 'static) {
    let log = SlogLogger::json(JsonFormat::new()).sink(sink).build();
    underpin_logger::info!(log, &Context::background(), "m", a = 1, b = 2, c = 3);
}

fn slog_abc(log: &Logger) {
    slog::info!(log, "m"; "a" => 1, "b" => 2, "c" => 3);
}
