//! The slog-free core as another crate sees it: macros, verbs, mock and capture.

use std::{io, path::Path, sync::Arc, time::Duration};

use underpin_logger::{
    Context, Level, Logger, LoggerExt, NoopLogger, RequestId, Tag, Value, debug, error, info, log,
    testing::{CaptureLogger, MockLogger},
    trace, warn,
};

fn context() -> Context {
    Context::new(RequestId::parse("req-1").unwrap())
}

#[test]
fn the_macros_take_every_form_of_tag() {
    let log = CaptureLogger::new();
    let order_id = "o-1";
    let place = io::ErrorKind::NotFound;
    info!(
        log,
        &context(),
        "order accepted",
        order_id,
        items = 1 + 2,
        ratio = 0.5,
        gone = None::<u8>,
        ok = true,
        took = Duration::from_millis(5),
        file = Path::new("/tmp/x"),
        shown = %format_args!("<{order_id}>"),
        debugged = ?Some(1),
        "http.status" = 200_u16,
        ?place,
        key = Value::Secret,
    );
    let entry = log.assert_logged(Level::Info, "order accepted");
    let tags: Vec<_> = entry.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        tags,
        [
            ("order_id", "o-1"),
            ("items", "3"),
            ("ratio", "0.5"),
            ("gone", "null"),
            ("ok", "true"),
            ("took", "5ms"),
            ("file", "/tmp/x"),
            ("shown", "<o-1>"),
            ("debugged", "Some(1)"),
            ("http.status", "200"),
            ("place", "NotFound"),
            ("key", "[redacted]"),
        ]
    );
    assert_eq!(entry.request_id(), Some("req-1"));
    assert_eq!(entry.target, module_path!());
}

#[test]
fn every_verb_has_its_level_and_takes_an_error() {
    let log: Arc<dyn Logger> = Arc::new(CaptureLogger::new());
    let capture = CaptureLogger::new();
    let ctx = context();
    let err = io::Error::other("disk full");
    trace!(log, &ctx, "t");
    trace!(capture, &ctx, "t");
    debug!(&capture, &ctx, "d", a = 1);
    warn!(capture, &ctx, &err, "w");
    error!(capture, &ctx, &err, "e", a = 1,);
    log!(Level::Fatal, capture, &ctx, "f");
    let logged: Vec<_> = capture.take().into_iter().map(|e| (e.level, e.msg, e.error)).collect();
    let chain = vec!["disk full".to_owned()];
    assert_eq!(
        logged,
        [
            (Level::Trace, "t".to_owned(), vec![]),
            (Level::Debug, "d".to_owned(), vec![]),
            (Level::Warn, "w".to_owned(), chain.clone()),
            (Level::Error, "e".to_owned(), chain),
            (Level::Fatal, "f".to_owned(), vec![]),
        ]
    );
}

#[test]
fn a_disabled_level_evaluates_nothing() {
    let mut log = MockLogger::new();
    log.expect_enabled().times(2).return_const(false);
    log.expect_log().never();
    let ctx = context();
    info!(log, &ctx, "never", value = panic_if_built());
    log.info(&ctx, "never", &[]);
}

fn panic_if_built() -> u8 {
    panic!("a tag of a disabled record was built")
}

#[test]
fn a_mock_works_behind_arc_dyn_with_one_expectation() {
    let mut mock = MockLogger::new();
    mock.expect_enabled().return_const(true);
    mock.expect_log()
        .withf(|e| e.msg == "order accepted" && e.tags[0].key() == "items")
        .times(1)
        .return_const(());
    let log: Arc<dyn Logger> = Arc::new(mock);
    log.info(&context(), "order accepted", &[Tag::new("items", &3)]);
}

#[test]
fn an_assertion_that_fails_prints_what_was_logged() {
    let log = CaptureLogger::new();
    info!(log, &context(), "order accepted", items = 3);
    let panicked = std::panic::catch_unwind(|| log.assert_logged(Level::Error, "order lost")).unwrap_err();
    let text = panicked.downcast_ref::<String>().unwrap();
    assert!(text.contains(r#"info  "order accepted" request_id=req-1 items="3""#), "{text}");
}

#[test]
fn fatal_logs_and_leaves_the_end_of_the_process_to_the_caller() {
    let log = CaptureLogger::new();
    let err = io::Error::other("no port");
    let fatal = log.fatal(&context(), &err, "cannot listen", &[]);
    assert!(fatal.flush_error().is_none());
    let error = fatal.into_error();
    assert_eq!(underpin_errors::chain(&*error).collect::<Vec<_>>(), ["cannot listen", "no port"]);
    log.assert_logged(Level::Fatal, "cannot listen");
}

#[test]
fn fatal_survives_an_error_that_cannot_be_printed() {
    #[derive(Debug)]
    struct Broken;
    impl std::fmt::Display for Broken {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("no text")
        }
    }
    impl std::error::Error for Broken {}
    let fatal = NoopLogger.fatal(&context(), &Broken, "cannot listen", &[]);
    let error = fatal.into_error();
    assert_eq!(underpin_errors::chain(&*error).collect::<Vec<_>>(), ["cannot listen", "[display panicked]"]);
}

#[cfg(feature = "json")]
#[test]
fn a_mock_stands_in_for_a_sink() {
    use underpin_logger::{sink::Sink, testing::MockSink};

    let mut sink = MockSink::new();
    sink.expect_write()
        .withf(|level, lines| *level == Level::Info && lines == b"{}\n")
        .times(1)
        .return_const(());
    sink.expect_dropped().return_const(3_u64);
    let sink: Arc<dyn Sink> = Arc::new(sink);
    sink.write(Level::Info, b"{}\n");
    assert_eq!(sink.dropped(), 3);
}
