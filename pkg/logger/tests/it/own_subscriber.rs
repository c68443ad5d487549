//! A `TracingLayer` in a subscriber of one's own, without `install()`. A process has one, so the test runs in a child process.

use tracing_subscriber::{Registry, layer::SubscriberExt as _};
use underpin_logger::{Context, JsonFormat, Level, SlogLogger, TracingLayer, sink::MemorySink};

#[test]
fn levels_change_at_run_time_and_for_one_request_in_a_subscriber_of_ones_own() {
    crate::child::alone(
        "own_subscriber::levels_change_at_run_time_and_for_one_request_in_a_subscriber_of_ones_own",
        levels_change,
    );
}

fn levels_change() {
    let sink = MemorySink::new();
    let log = SlogLogger::json(JsonFormat::new()).sink(sink.clone()).build();
    let layer = TracingLayer::new(&log).unwrap();
    tracing::subscriber::set_global_default(Registry::default().with(layer)).unwrap();
    let speak = || tracing::debug!("a detail");
    let said = || sink.lines().len();

    speak();
    assert_eq!(said(), 0, "the callsite has asked once, and remembers that it is off");
    log.levels().set("debug").unwrap();
    speak();
    assert_eq!(said(), 1);
    log.levels().set("info").unwrap();
    speak();
    assert_eq!(said(), 1);
    let request = Context::background().with_level(Level::Debug);
    request.scope_sync(speak);
    assert_eq!(said(), 2);
    speak();
    assert_eq!(said(), 2);
}
