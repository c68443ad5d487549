//! What a person sees at a terminal.

use std::{fmt, io, time::Duration};

use underpin_errors::{Error, Kind};
use underpin_logger::{
    Context, LevelHandle, LevelRules, RequestId, SlogLogger, TerminalDrain, TerminalFormat, error, info,
    sink::MemorySink, warn,
};

fn logger(format: TerminalFormat) -> (SlogLogger, MemorySink) {
    let sink = MemorySink::new();
    (SlogLogger::terminal(format).sink(sink.clone()).build(), sink)
}

/// The text without its times, which are checked to be there.
fn seen(sink: &MemorySink) -> Vec<String> {
    let lines = sink.lines().into_iter().map(|line| {
        if line.starts_with(' ') {
            return line;
        }
        let (time, rest) = line.split_at(14);
        assert!(time.ends_with("Z ") && time.as_bytes()[8] == b'.', "{line}");
        rest.to_owned()
    });
    lines.collect()
}

fn request() -> Context {
    Context::new(RequestId::parse("0191c0de-0000-7000-8000-00000000cafe").unwrap())
}

#[test]
fn a_record_is_one_line_with_its_tags_in_a_column() {
    let (log, sink) = logger(TerminalFormat::plain());
    info!(
        log,
        &request(),
        "order accepted",
        order_id = 7,
        customer = "ada l",
        took_ms = Duration::from_micros(1500)
    );
    info!(log, &Context::background(), "a message that is longer than its column", n = 1);
    assert_eq!(
        seen(&sink),
        [
            " INFO order accepted            order_id=7  customer=\"ada l\"  took=1.5ms  #0000cafe",
            " INFO a message that is longer than its column  n=1",
        ]
    );
}

#[test]
fn the_causes_of_an_error_are_indented_below() {
    let (log, sink) = logger(TerminalFormat::plain());
    let failure = Error::wrap(Kind::Unavailable, io::Error::other("connection refused"), "store order");
    error!(log, &Context::background(), &failure, "request");
    let lines = seen(&sink);
    assert!(lines[0].starts_with("ERROR request  at ") && lines[0].contains("terminal.rs:"), "{}", lines[0]);
    assert_eq!(lines[1..], ["                    ├ store order", "                    └ connection refused"]);
}

#[test]
fn nothing_in_a_record_moves_the_cursor_or_forges_a_line() {
    struct Panics;
    impl fmt::Display for Panics {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("no text")
        }
    }
    let (log, sink) = logger(TerminalFormat::plain());
    let evil = "a\u{1b}[2K\r\nb\u{9b}31m\u{202e}c";
    info!(log, &Context::background(), "m", evil = evil, shown = %evil, bad = %Panics, password = "hunter2");
    warn!(log, &Context::background(), &io::Error::other(evil), "m");
    let text = sink.text();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(!text.contains(['\u{1b}', '\r', '\u{9b}', '\u{202e}']), "{text:?}");
    assert!(text.contains("[display panicked]") && text.contains("password=[redacted]"));
}

#[test]
fn colours_wrap_the_same_text() {
    let (plain, plain_sink) = logger(TerminalFormat::plain());
    let (coloured, coloured_sink) = logger(TerminalFormat::coloured());
    for log in [&plain, &coloured] {
        warn!(log, &request(), "stock low", sku = "tea", left = 0);
        info!(log, &request(), "order accepted", order_id = 7);
    }
    let mut text = coloured_sink.text();
    for style in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[33m", "\u{1b}[32m"] {
        assert!(text.contains(style), "{text:?}");
        text = text.replace(style, "");
    }
    let without_time = |text: &str| text.lines().map(|line| line[14..].to_owned()).collect::<Vec<_>>();
    assert_eq!(without_time(&text), without_time(&plain_sink.text()));
}

#[test]
fn slog_code_writes_for_people_too() {
    let sink = MemorySink::new();
    let levels = LevelHandle::new(LevelRules::default());
    let drain = TerminalDrain::with(sink.clone(), TerminalFormat::plain(), levels);
    let log = slog::Logger::root(drain, slog::o!("component" => "billing"));
    slog::info!(log, "invoice sent"; "cents" => 700);
    slog::debug!(log, "not written");
    assert_eq!(seen(&sink), [" INFO invoice sent              cents=700  component=billing"]);
}

#[test]
fn what_stands_in_quotation_marks_can_be_told_from_what_ends_them() {
    let (log, sink) = logger(TerminalFormat::plain());
    info!(
        log,
        &Context::background(),
        "m",
        a = "x\" forged=\"1",
        b = "C:\\new",
        c = "line\nbreak",
        d = "plain",
        "e f\"=" = 1
    );
    let line = seen(&sink).concat();
    assert!(line.contains(r#"a="x\" forged=\"1""#), "{line}");
    assert!(line.contains(r#"b="C:\\new""#), "{line}");
    assert!(line.contains(r#"c="line\nbreak""#), "{line}");
    assert!(line.contains("d=plain"), "{line}");
    assert!(line.contains(r#""e f\"="=1"#), "{line}");
}
