//! The faults of structured logging that were seen in other libraries: what a line looks like instead.

use std::{error::Error, ffi::OsStr, fmt, io, os::unix::ffi::OsStrExt as _, path::Path, time::Duration};

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use underpin_config::Secret;
use underpin_logger::{
    Callsite, Context, Entry, JsonFormat, Level, Logger, RequestId, SlogLogger, Tag, Value, error, info,
    sink::MemorySink,
};

fn logger() -> (SlogLogger, MemorySink) {
    with(JsonFormat::new().service("orders"))
}

fn with(format: JsonFormat) -> (SlogLogger, MemorySink) {
    let sink = MemorySink::new();
    (SlogLogger::json(format).sink(sink.clone()).build(), sink)
}

/// The only line, strictly parsed: no key twice, and a newline at the end and nowhere else.
fn line(sink: &MemorySink) -> Json {
    let text = sink.text();
    assert!(text.ends_with("}\n") && text.matches('\n').count() == 1, "not one complete line: {text:?}");
    strict(text.trim_end())
}

/// `serde_json` keeps the last of two equal keys in silence; this does not.
fn strict(text: &str) -> Json {
    struct NoDuplicates;
    impl<'de> serde::de::Visitor<'de> for NoDuplicates {
        type Value = Json;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
            let mut object = serde_json::Map::new();
            while let Some((key, value)) = map.next_entry::<String, Json>()? {
                assert!(object.insert(key.clone(), value).is_none(), "the key {key:?} is there twice");
            }
            Ok(Json::Object(object))
        }
    }
    use serde::Deserializer as _;
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = reader.deserialize_map(NoDuplicates).unwrap_or_else(|error| panic!("{error}: {text}"));
    reader.end().unwrap();
    value
}

fn background() -> Context {
    Context::background()
}

#[test]
fn a_line_has_time_level_message_service_context_and_typed_tags() {
    let (log, sink) = logger();
    let ctx = Context::new(RequestId::parse("req-1").unwrap())
        .with_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .unwrap()
        .with_organization("acme \"north\"");
    info!(
        log,
        &ctx,
        "order accepted",
        items = 3,
        ratio = 0.25,
        ok = true,
        none = None::<&str>,
        took = Duration::from_micros(1500),
        whole = Duration::from_secs(2),
        at = Path::new("/tmp/é"),
    );
    let mut line = line(&sink);
    let ts = line["ts"].take();
    assert_eq!(
        line,
        json!({
            "ts": null, "level": "info", "msg": "order accepted", "service": "orders", "request_id": "req-1",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7",
            "organization_id": "acme \"north\"", "target": "it::json", "items": 3, "ratio": 0.25, "ok": true, "none": null,
            "took": 1.5, "whole": 2000, "at": "/tmp/é"
        })
    );
    let ts = ts.as_str().unwrap();
    assert!(ts.len() == 27 && ts.ends_with('Z') && ts.as_bytes()[19] == b'.', "{ts}");
}

struct Panics;
impl fmt::Display for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half a value")?;
        panic!("in the middle of a value")
    }
}

struct Fails;
impl fmt::Display for Fails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half a value")?;
        Err(fmt::Error)
    }
}

#[test]
fn a_display_that_panics_leaves_a_complete_line_and_nothing_behind() {
    let (log, sink) = logger();
    info!(log, &background(), "first", before = 1, bad = %Panics, after = 2);
    let first = line(&sink);
    assert_eq!(
        (&first["before"], &first["bad"], &first["after"]),
        (&json!(1), &json!("[display panicked]"), &json!(2))
    );

    let (other, other_sink) = logger();
    info!(other, &background(), "second", fine = 1);
    assert!(!other_sink.text().contains("half a value"), "text of one record in another");
    info!(log, &background(), "third");
    assert_eq!(sink.lines().len(), 2, "the first logger still writes");
}

#[test]
fn a_display_that_fails_leaves_a_complete_line() {
    let (log, sink) = logger();
    info!(log, &background(), "first", bad = %Fails, after = 2);
    assert_eq!((&line(&sink)["bad"], &line(&sink)["after"]), (&json!("[display failed]"), &json!(2)));
}

#[test]
fn an_error_whose_display_panics_still_shows_its_causes() {
    #[derive(Debug)]
    struct Bad(io::Error);
    impl fmt::Display for Bad {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("no text")
        }
    }
    impl Error for Bad {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    let (log, sink) = logger();
    error!(log, &background(), &Bad(io::Error::other("disk full")), "failed");
    assert_eq!(line(&sink)["error"], json!(["[display panicked]", "disk full"]));
}

#[test]
fn a_slog_kv_that_panics_or_fails_leaves_a_complete_line() {
    struct Kv(bool);
    impl slog::KV for Kv {
        fn serialize(&self, _: &slog::Record<'_>, out: &mut dyn slog::Serializer) -> slog::Result {
            out.emit_u64("before", 1)?;
            assert!(!self.0, "outside of any value");
            Err(slog::Error::Other)
        }
    }
    for panics in [true, false] {
        let (log, sink) = logger();
        let slog = log.slog().new(slog::OwnedKV(Kv(panics)));
        slog::info!(slog, "first");
        let line = line(&sink);
        assert_eq!(line["before"], 1);
        assert!(line["log_error"].is_string(), "{line}");
    }
}

#[test]
fn a_display_that_logs_gets_a_line_of_its_own() {
    struct Chatty(SlogLogger);
    impl fmt::Display for Chatty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            info!(self.0, &Context::background(), "inner");
            f.write_str("chatty")
        }
    }
    let (log, sink) = logger();
    info!(log, &background(), "outer", value = %Chatty(log.clone()));
    let lines: Vec<_> = sink.lines().iter().map(|line| strict(line)["msg"].clone()).collect();
    assert_eq!(lines, ["inner", "outer"]);
}

#[test]
fn strict_json_for_numbers_that_json_lacks() {
    let (log, sink) = logger();
    info!(
        log,
        &background(),
        "m",
        nan = f64::NAN,
        inf = f64::INFINITY,
        neg = f32::NEG_INFINITY,
        big = i128::MIN,
        fits = 5_i128,
        huge = u128::MAX,
        most = u64::MAX,
        tiny = f64::MIN_POSITIVE,
    );
    let line = line(&sink);
    assert_eq!((&line["nan"], &line["inf"], &line["neg"]), (&json!("NaN"), &json!("inf"), &json!("-inf")));
    assert_eq!((&line["big"], &line["fits"]), (&json!(i128::MIN.to_string()), &json!(5)));
    assert_eq!((&line["huge"], &line["most"]), (&json!(u128::MAX.to_string()), &json!(u64::MAX)));
    assert_eq!(line["tiny"].as_f64(), Some(f64::MIN_POSITIVE));
}

#[test]
fn strict_json_for_paths_that_are_not_utf8_and_control_characters() {
    let (log, sink) = logger();
    let path = Path::new(OsStr::from_bytes(b"/tmp/\xff\n\x1b[31m"));
    info!(log, &background(), "m", path = path, text = "a\u{0}b\u{1b}c\n\"level\":\"fatal\"");
    assert_eq!(line(&sink)["path"], "/tmp/\u{fffd}\n\u{1b}[31m");
    assert_eq!(line(&sink)["text"], "a\u{0}b\u{1b}c\n\"level\":\"fatal\"");
}

#[test]
fn reserved_keys_cannot_be_forged() {
    let (log, sink) = logger();
    let ctx = Context::new(RequestId::parse("true-id").unwrap());
    let tags = [
        "ts",
        "level",
        "msg",
        "service",
        "request_id",
        "trace_id",
        "span_id",
        "organization_id",
        "target",
        "truncated",
    ]
    .map(|key| Tag::new(key, "forged"));
    log.log(&Entry::new(Level::Info, &ctx, "true", Callsite::new("true", "", 0)).with_tags(&tags));
    let line = line(&sink);
    assert_eq!(
        (&line["level"], &line["msg"], &line["service"]),
        (&json!("info"), &json!("true"), &json!("orders"))
    );
    assert_eq!((&line["request_id"], &line["target"]), (&json!("true-id"), &json!("true")));
    assert_eq!(
        (&line["request_id_"], &line["msg_"]),
        (&json!("forged"), &json!("forged")),
        "kept, under another name"
    );
    assert!(line.get("truncated").is_none() && line.get("trace_id").is_none());
}

#[test]
fn no_key_is_there_twice() {
    let (log, sink) = with(JsonFormat::new().service("orders").fixed("version", "1").fixed("version", "2"));
    let err = io::Error::other("true cause");
    error!(
        log,
        &background(),
        &err,
        "m",
        a = 1,
        a = 2,
        error = "forged",
        level = 1,
        level_ = 2,
        "level_" = 3,
        version = "9"
    );
    let line = line(&sink);
    assert_eq!((&line["a"], &line["error"], &line["level_"]), (&json!(1), &json!(["true cause"]), &json!(1)));
    assert_eq!(line["version"], "2");
}

#[test]
fn a_field_on_every_line_meets_no_other_of_its_name() {
    let format = JsonFormat::new().fixed("level", "fixed").fixed("error", "fixed").fixed("at", "fixed");
    let (log, sink) = with(format.with_location());
    let err = io::Error::other("true cause");
    error!(log, &background(), &err, "m", level = 1, level_ = 2, "error_" = 3, at = 4);
    let line = line(&sink);
    assert_eq!((&line["level"], &line["level_"]), (&json!("error"), &json!("fixed")));
    assert_eq!((&line["error"], &line["error_"]), (&json!(["true cause"]), &json!("fixed")));
    assert!(line["at"].as_str().unwrap().contains("json.rs:") && line["at_"] == "fixed", "{line}");
}

#[test]
fn a_child_logger_of_slog_overrides_its_parent() {
    let (log, sink) = logger();
    let parent = log.slog().new(slog::o!("component" => "parent", "only" => "parent"));
    let child = parent.new(slog::o!("component" => "child"));
    slog::info!(child, "m"; "a" => 1, "a" => 2, "msg" => "forged");
    let line = line(&sink);
    assert_eq!(
        (&line["component"], &line["only"], &line["msg"]),
        (&json!("child"), &json!("parent"), &json!("m"))
    );
}

#[derive(Debug)]
struct Layer(&'static str, Option<Box<Layer>>);
impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
impl Error for Layer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|layer| layer as _)
    }
}

#[test]
fn an_error_is_the_array_of_its_chain_each_cause_once() {
    let chain =
        ["load order", "query failed: pool: refused", "pool: refused", "refused", "unrefused", "fused"]
            .into_iter()
            .rev()
            .fold(None, |below, text| Some(Box::new(Layer(text, below))))
            .unwrap();
    let (log, sink) = logger();
    error!(log, &background(), &*chain, "m");
    let ours: Vec<String> = serde_json::from_value(line(&sink)["error"].clone()).unwrap();
    assert_eq!(ours, ["load order", "query failed: pool: refused", "unrefused", "fused"]);
    assert_eq!(ours, underpin_errors::chain(&*chain).collect::<Vec<_>>(), "as the errors crate prints it");
}

#[test]
fn an_error_that_is_its_own_source_ends() {
    #[derive(Debug)]
    struct Ring(std::sync::atomic::AtomicUsize);
    impl fmt::Display for Ring {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "turn {}", self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
        }
    }
    impl Error for Ring {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self)
        }
    }
    let (log, sink) = logger();
    error!(log, &background(), &Ring(Default::default()), "m");
    assert_eq!(line(&sink)["error"].as_array().unwrap().len(), 64);
}

#[test]
fn a_record_over_the_cap_loses_the_end_of_its_longest_text_and_says_so() {
    let (log, sink) = with(JsonFormat::new().cap(2048));
    info!(log, &background(), "m", short = "kept whole", long = "é\n".repeat(5000), last = 7);
    let text = sink.text();
    assert!(text.len() <= 2048 && text.len() > 1900, "{} bytes", text.len());
    let line = line(&sink);
    assert_eq!(
        (&line["truncated"], &line["short"], &line["last"]),
        (&json!(true), &json!("kept whole"), &json!(7))
    );
    assert!("é\n".repeat(5000).starts_with(line["long"].as_str().unwrap()));
}

#[test]
fn a_display_without_end_is_cut_off() {
    struct Endless;
    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("and on ")?;
            }
        }
    }
    let (log, sink) = with(JsonFormat::new().cap(2048));
    info!(log, &background(), "m", value = %Endless, after = 1);
    assert!(sink.text().len() <= 2048);
    assert_eq!((&line(&sink)["truncated"], &line(&sink)["after"]), (&json!(true), &json!(1)));
}

#[test]
fn more_fields_than_fit_are_left_out_whole() {
    let (log, sink) = with(JsonFormat::new().cap(1024));
    let tags: Vec<_> =
        (0..500).map(|_| Tag::of(String::leak(RequestId::generate().to_string()), Value::U64(7))).collect();
    log.log(&Entry::new(Level::Info, &background(), "m", Callsite::new("t", "", 0)).with_tags(&tags));
    assert!(sink.text().len() <= 1024);
    let line = line(&sink);
    assert_eq!((&line["truncated"], &line["msg"].is_string()), (&json!(true), &true));
}

#[test]
fn a_context_that_is_too_long_is_clipped_like_any_text_and_its_ids_stay_whole() {
    let (log, sink) = with(JsonFormat::new().service("orders").cap(1024));
    let ctx = Context::new(RequestId::parse("req-1").unwrap()).with_organization("x\u{1}".repeat(20_000));
    info!(log, &ctx, "order accepted", items = 3);
    assert!(sink.text().len() <= 1024 && sink.text().len() > 1000, "{}", sink.text().len());
    let line = line(&sink);
    assert_eq!((&line["msg"], &line["service"]), (&json!("order accepted"), &json!("orders")));
    assert_eq!((&line["request_id"], &line["items"]), (&json!("req-1"), &json!(3)));
    assert!(line["truncated"] == true && line["organization_id"].as_str().unwrap().starts_with("x\u{1}x"));
    assert_eq!(ctx.organization_id().unwrap().len(), 40_000, "code sees all of it");
}

#[test]
fn every_line_of_a_context_has_its_fields_whether_rendered_or_kept() {
    let (log, sink) = logger();
    let plain = Context::new(RequestId::parse("req-1").unwrap());
    let tenant = plain.clone().with_organization("acme");
    for ctx in [&plain, &plain, &plain, &tenant, &tenant, &tenant.child_span()] {
        info!(log, ctx, "m");
    }
    let text = sink.text();
    let lines: Vec<_> = text.lines().map(strict).collect();
    assert!(lines.len() == 6 && lines.iter().all(|line| line["request_id"] == "req-1"), "{text}");
    let organizations: Vec<_> = lines.iter().map(|line| line["organization_id"].as_str()).collect();
    assert_eq!(organizations, [None, None, None, Some("acme"), Some("acme"), Some("acme")]);
    assert!(lines[4].get("span_id").is_none() && lines[5]["span_id"].is_string());
}

#[test]
fn secrets_by_type_and_by_key_never_appear() {
    let (log, sink) = logger();
    let secret: Secret<String> = "hunter2".into();
    info!(
        log,
        &background(),
        "m",
        by_type = secret,
        password = "hunter2",
        "http.request.header.Authorization" = "Bearer hunter2",
        "db.statement" = "SELECT 'hunter2'",
        api_key = %"hunter2",
    );
    let slog = log.slog();
    slog::info!(slog, "m"; "db_password" => "hunter2", "Cookie" => "hunter2");
    assert!(!sink.text().contains("hunter2"), "{}", sink.text());
    assert_eq!(sink.text().matches("[redacted]").count(), 7);
}

#[test]
fn a_key_inside_of_a_text_is_not_looked_at_but_a_secret_there_stays_one() {
    #[derive(Debug)]
    #[allow(dead_code, reason = "shown by Debug")]
    struct Login {
        password: &'static str,
        token: Secret<String>,
    }
    let (log, sink) = logger();
    let login = Login { password: "in the open", token: "hunter2".to_owned().into() };
    info!(log, &background(), "m", ?login);
    let text = line(&sink)["login"].as_str().unwrap().to_owned();
    assert!(text.contains("password: \"in the open\"") && text.contains("[redacted]"), "{text}");
    assert!(!text.contains("hunter2"));
}

fn any_value() -> impl Strategy<Value = Owned> {
    prop_oneof![
        any::<String>().prop_map(Owned::Text),
        any::<i128>().prop_map(Owned::Wide),
        any::<f64>().prop_map(Owned::Float),
        any::<Vec<u8>>().prop_map(Owned::Path),
        any::<Duration>().prop_map(Owned::Span),
        Just(Owned::Panics),
        Just(Owned::Fails),
    ]
}

#[derive(Debug, Clone)]
enum Owned {
    Text(String),
    Wide(i128),
    Float(f64),
    Path(Vec<u8>),
    Span(Duration),
    Panics,
    Fails,
}

impl Owned {
    fn borrow(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Str(text),
            Self::Wide(number) => Value::I128(*number),
            Self::Float(number) => Value::F64(*number),
            Self::Path(bytes) => Value::Path(Path::new(OsStr::from_bytes(bytes))),
            Self::Span(span) => Value::Duration(*span),
            Self::Panics => Value::Display(&Panics),
            Self::Fails => Value::Display(&Fails),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn any_record_is_one_strict_line_within_the_cap(
        msg in any::<String>(),
        cap in 1024_usize..4096,
        repeat in 1_usize..200,
        tags in proptest::collection::vec((prop_oneof![any::<String>(), Just("level".to_owned()), Just("a".to_owned())], any_value()), 0..12),
    ) {
        let (log, sink) = with(JsonFormat::new().service("orders").cap(cap));
        let msg = msg.repeat(repeat);
        // Keys are constants in real code; a test may leak a few.
        let tags: Vec<_> = tags.iter().map(|(key, value)| Tag::of(String::leak(key.clone()), value.borrow())).collect();
        log.log(&Entry::new(Level::Info, &background(), &msg, Callsite::new("t", "", 0)).with_tags(&tags));
        prop_assert!(sink.text().len() <= cap);
        let line = line(&sink);
        prop_assert_eq!(&line["level"], "info");
        let shown = line["msg"].as_str().unwrap();
        let kept = if line.get("truncated").is_some() { msg.starts_with(shown) } else { msg == shown };
        prop_assert!(kept, "{} is not of {}", shown, msg);
    }

    #[test]
    fn no_line_is_longer_than_the_cap_whatever_stands_on_every_line(
        cap in 1024_usize..2048,
        organization in any::<String>(),
        service in any::<String>(),
        fixed in proptest::collection::vec((any::<String>(), any::<String>()), 0..4),
        target in any::<String>(),
        repeat in 1_usize..200,
        n in any::<u64>(),
    ) {
        let longer = |text: &str| text.repeat(repeat);
        let format = JsonFormat::new().service(&longer(&service)).cap(cap);
        let format = fixed.iter().fold(format, |format, (key, value)| format.fixed(&longer(key), &longer(value)));
        let (log, sink) = with(format);
        let organization = longer(&organization);
        let ctx = Context::new(RequestId::parse(&"r".repeat(RequestId::MAX_LEN)).unwrap())
            .child_span()
            .with_organization(organization.as_str());
        let target = longer(&target);
        let tags = [Tag::new("n", &n), Tag::new("text", &target)];
        log.log(&Entry::new(Level::Info, &ctx, &target, Callsite::new(&target, "", 0)).with_tags(&tags));
        prop_assert!(sink.text().len() <= cap, "{} of {}", sink.text().len(), cap);
        let line = line(&sink);
        prop_assert_eq!(&line["level"], "info");
        if line.get("truncated").is_none() {
            prop_assert_eq!(&line["organization_id"], &organization);
            prop_assert_eq!(&line["n"], n);
        }
    }
}

#[test]
fn a_tag_never_loses_to_what_the_line_has_itself() {
    let (log, sink) = with(JsonFormat::new().service("orders").with_location());
    let failure = io::Error::other("disk full");
    let ctx = Context::new(RequestId::parse("req-1").unwrap());
    error!(
        log,
        &ctx,
        &failure,
        "lost",
        service = "billing",
        error = "their error",
        at = "noon",
        level = 9,
        request_id = "x"
    );
    let line: Json = serde_json::from_str(&sink.text()).unwrap();
    assert_eq!((&line["service"], &line["service_"]), (&json!("orders"), &json!("billing")));
    assert_eq!((&line["error"], &line["error_"]), (&json!(["disk full"]), &json!("their error")));
    assert_eq!(
        (&line["at_"], &line["level_"], &line["request_id_"]),
        (&json!("noon"), &json!(9), &json!("x"))
    );
    assert!(line["at"].as_str().unwrap().contains("json.rs:"));

    let (log, sink) = with(JsonFormat::new());
    info!(log, &ctx, "kept", service = "billing", error = "an error", at = "noon");
    let line: Json = serde_json::from_str(&sink.text()).unwrap();
    assert_eq!(
        (&line["service_"], &line["error"], &line["at"]),
        (&json!("billing"), &json!("an error"), &json!("noon"))
    );
}
