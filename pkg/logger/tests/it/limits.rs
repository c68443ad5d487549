//! Input without a limit: what one record costs is bounded, the line stays whole JSON, and says that something is missing.

use std::{
    fmt,
    time::{Duration, Instant},
};

use serde_json::Value as Json;
use underpin_errors::Error;
use underpin_logger::{
    Callsite, Context, Entry, JsonFormat, Level, Logger, SlogLogger, Tag, TerminalFormat, Value, error, info,
    sink::MemorySink,
};

fn json() -> (SlogLogger, MemorySink) {
    let sink = MemorySink::new();
    (SlogLogger::json(JsonFormat::new()).sink(sink.clone()).build(), sink)
}

fn terminal() -> (SlogLogger, MemorySink) {
    let sink = MemorySink::new();
    (SlogLogger::terminal(TerminalFormat::plain()).sink(sink.clone()).build(), sink)
}

/// The one line that was written, within the cap.
fn line(sink: &MemorySink) -> Json {
    let text = sink.text();
    assert!(text.len() <= JsonFormat::CAP && text.ends_with('\n'), "{} bytes", text.len());
    serde_json::from_str(&text).unwrap()
}

fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

#[test]
fn a_long_key_is_cut_and_takes_no_other_field_along() {
    let (log, sink) = json();
    let key = leaked("k".repeat(1_000_000));
    let ctx = Context::background();
    let tags = [Tag::new("first", &1), Tag::new(key, &2), Tag::new("last", &3)];
    log.log(&Entry::new(Level::Info, &ctx, "long key", Callsite::new("", "", 0)).with_tags(&tags));
    let line = line(&sink);
    assert_eq!((&line["first"], &line["last"], &line["truncated"]), (&1.into(), &3.into(), &true.into()));
    assert_eq!(line["k".repeat(256)], 2);
}

#[test]
fn a_long_secret_key_is_redacted_by_its_whole_name() {
    let (log, sink) = json();
    let key = leaked(format!("{}_password", "k".repeat(1_000)));
    let ctx = Context::background();
    let tags = [Tag::new(key, "hunter2")];
    log.log(&Entry::new(Level::Info, &ctx, "long key", Callsite::new("", "", 0)).with_tags(&tags));
    assert!(!sink.text().contains("hunter2") && sink.text().contains(Value::REDACTED));
}

#[test]
fn many_tags_cost_time_in_proportion_and_end_at_the_cap() {
    const LIMIT: Duration = Duration::from_secs(20);

    let keys: Vec<&'static str> = (0..100_000).map(|n| leaked(format!("key_{n}"))).collect();
    let tags: Vec<Tag<'_>> = keys.iter().map(|key| Tag::new(key, &7)).collect();
    let ctx = Context::background();
    let started = Instant::now();
    for (log, sink) in [json(), terminal()] {
        for _ in 0..20 {
            log.log(&Entry::new(Level::Info, &ctx, "many", Callsite::new("", "", 0)).with_tags(&tags));
        }
        let lines = sink.lines();
        assert_eq!(lines.len(), 20);
        assert!(lines[0].len() < 70 * 1024, "{}", lines[0].len());
        if lines[0].starts_with('{') {
            let line: Json = serde_json::from_str(&lines[0]).unwrap();
            assert_eq!((&line["key_0"], &line["truncated"]), (&7.into(), &true.into()));
        }
    }
    // Two million tags are a second or two where each costs the same, and hours where each is compared with all others.
    assert!(started.elapsed() < LIMIT, "{:?}", started.elapsed());
}

/// Writes without an end.
struct Endless;

impl fmt::Display for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        loop {
            f.write_str("on and on ")?;
        }
    }
}

#[test]
fn a_value_that_writes_without_an_end_is_cut() {
    let (log, sink) = json();
    info!(log, &Context::background(), "endless", value = %Endless, after = 1);
    let line = line(&sink);
    assert!(line["value"].as_str().unwrap().starts_with("on and on on") && line["after"] == 1);
    let (log, sink) = terminal();
    info!(log, &Context::background(), "endless", value = %Endless, after = 1);
    assert!(sink.text().contains("after=1") && sink.text().len() < 8 * 1024);
}

#[test]
fn context_message_target_and_error_of_any_length_end_at_the_cap() {
    let long = "ü\n\"x\u{0}".repeat(100_000);
    let ctx = Context::background().with_organization(long.as_str());
    let (log, sink) = json();
    let failure = Error::wrap(underpin_errors::Kind::Internal, Error::internal(long.clone()), long.clone());
    let site = Callsite::new(&long, &long, 1);
    log.log(&Entry::new(Level::Error, &ctx, &long, site).with_error(&failure));
    let line = line(&sink);
    assert_eq!((&line["level"], &line["truncated"]), (&"error".into(), &true.into()));
    for key in ["msg", "organization_id", "target"] {
        assert!(line[key].as_str().unwrap().starts_with("ü\n\"x\u{0}"), "{key}");
    }
}

#[test]
fn a_record_of_many_megabytes_leaves_no_memory_behind() {
    let (log, sink) = json();
    let huge = "x".repeat(64 << 20);
    error!(log, &Context::background(), &std::io::Error::other(huge.clone()), "huge", body = huge);
    assert_eq!(line(&sink)["truncated"], true);
}

#[cfg(feature = "bridges")]
#[test]
fn spans_inside_of_each_other_without_an_end_are_bounded() {
    use tracing_subscriber::layer::SubscriberExt as _;
    use underpin_logger::TracingLayer;

    let (log, sink) = json();
    let layer = TracingLayer::new(&log).unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let text = "x".repeat(10_000);
        let spans: Vec<_> = (0..2_000)
            .map(|depth| tracing::info_span!("deeper", depth, text = text.as_str()).entered())
            .collect();
        tracing::info!("at the bottom");
        // From the innermost outwards.
        spans.into_iter().rev().for_each(drop);
    });
    assert_eq!(line(&sink)["msg"], "at the bottom");
}

#[cfg(feature = "tower")]
#[tokio::test]
async fn a_path_and_a_method_of_the_caller_are_cut_in_the_line_of_the_request() {
    use std::sync::Arc;

    use axum::{Router, body::Body, http::Request};
    use tower::ServiceExt as _;
    use underpin_logger::tower::RequestLayer;

    let (log, sink) = json();
    let app = Router::<()>::new().layer(RequestLayer::new(Arc::new(log)));
    let request =
        Request::builder().uri(format!("/{}", "p".repeat(20_000))).method("M".repeat(1_000).as_str());
    let _not_found = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let line = line(&sink);
    let (path, method) = (line["path"].as_str().unwrap(), line["method"].as_str().unwrap());
    assert_eq!((path.chars().count(), method.chars().count()), (1024 + 1, 32 + 1));
    assert!(path.starts_with("/ppp") && path.ends_with('…') && method.ends_with('…'));
}
