//! Values that serde serializes, inside of a line: strict, bounded and redacted like the line itself.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::ser::{Error as _, Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::{Map, Value as Json, json};
use underpin_logger::{
    Context, JsonFormat, Nested, Redaction, SlogLogger, TerminalFormat, info, sink::MemorySink,
};

fn logger() -> (SlogLogger, MemorySink) {
    with(JsonFormat::new(), Redaction::default())
}

fn with(format: JsonFormat, redact: Redaction) -> (SlogLogger, MemorySink) {
    let sink = MemorySink::new();
    (SlogLogger::json(format).redact(redact).sink(sink.clone()).build(), sink)
}

/// The only line of a log.
fn line(sink: &MemorySink) -> Json {
    let text = sink.text();
    assert!(text.ends_with("}\n") && text.matches('\n').count() == 1, "not one complete line: {text:?}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What a value looks like in a line, between two other fields that are always there.
fn logged(value: &impl Serialize) -> Json {
    let (log, sink) = logger();
    info!(log, &Context::background(), "m", before = 1, v = Nested::new(value), after = 2);
    let mut line = line(&sink);
    assert_eq!((&line["before"], &line["after"]), (&json!(1), &json!(2)), "{line}");
    line["v"].take()
}

#[derive(serde::Serialize, Clone)]
enum Event {
    Nothing,
    Paid(u64),
    Moved(i8, char),
    Sent { to: &'static str, copies: Option<u8> },
    Token(&'static str),
    Secret { a: u8 },
    Password(u8, u8),
}

#[test]
fn a_serde_value_of_slog_is_json_in_the_line() {
    let (log, sink) = logger();
    let slog = log.slog().new(slog::o!("component" => "billing"));
    let events =
        vec![Event::Nothing, Event::Paid(7), Event::Moved(-1, 'é'), Event::Sent { to: "ada", copies: None }];
    slog::info!(slog, "m"; "before" => 1, "events" => slog::Serde(events), "after" => 2);
    let line = line(&sink);
    let events =
        json!(["Nothing", {"Paid": 7}, {"Moved": [-1, "é"]}, {"Sent": {"to": "ada", "copies": null}}]);
    assert_eq!((&line["events"], &line["component"]), (&events, &json!("billing")));
    assert_eq!((&line["before"], &line["after"], line.get("log_error")), (&json!(1), &json!(2), None));
}

#[test]
fn strict_json_for_what_json_lacks() {
    let numbers = (f64::NAN, f32::INFINITY, i128::MIN, 5_u128, u128::MAX, u64::MAX, f64::MIN_POSITIVE);
    let expected =
        json!(["NaN", "inf", i128::MIN.to_string(), 5, u128::MAX.to_string(), u64::MAX, f64::MIN_POSITIVE]);
    assert_eq!(logged(&numbers), expected);
    assert_eq!(
        logged(&BTreeMap::from([((1, "a"), 1), ((2, "b\n"), 2)])),
        json!({"[1,\"a\"]": 1, "[2,\"b\\n\"]": 2})
    );
    assert_eq!(logged(&BTreeMap::from([(true, ()), (false, ())])), json!({"true": null, "false": null}));
    assert_eq!(logged(&std::net::Ipv4Addr::LOCALHOST), json!("127.0.0.1"));
    assert_eq!(logged(&Some(Some("a\u{0}\u{1b}\""))), json!("a\u{0}\u{1b}\""));
}

#[test]
fn of_two_equal_keys_the_first_is_kept() {
    struct Twice;
    impl Serialize for Twice {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            map.serialize_entry("a", &1)?;
            map.serialize_entry("a", &[2])?;
            map.serialize_entry(&1, &3)?;
            map.serialize_entry("1", &4)?;
            map.serialize_key("without a value")?;
            map.serialize_entry("b", &5)?;
            map.serialize_key("nor this")?;
            map.end()
        }
    }
    let (log, sink) = logger();
    info!(log, &Context::background(), "m", v = Nested::new(&Twice));
    assert!(sink.text().ends_with("\"v\":{\"a\":1,\"1\":3,\"b\":5}}\n"), "{}", sink.text());
}

#[test]
fn secrets_by_key_and_by_path_never_appear() {
    let value = json!({
        "password": "hunter2", "user": {"api_key": ["hunter2"], "name": "ada"},
        "db": {"statement": "SELECT 'hunter2'", "rows": 3}, "list": [{"Set-Cookie": {"a": "hunter2"}}],
    });
    let hidden = json!({
        "password": "[redacted]", "user": {"api_key": "[redacted]", "name": "ada"},
        "db": {"statement": "[redacted]", "rows": 3}, "list": [{"Set-Cookie": "[redacted]"}],
    });
    assert_eq!(logged(&value), hidden);
    let events = (Event::Token("hunter2"), Event::Secret { a: 1 }, Event::Password(1, 2));
    let hidden = json!([{"Token": "[redacted]"}, {"Secret": "[redacted]"}, {"Password": "[redacted]"}]);
    assert_eq!(logged(&events), hidden);

    let statement = json!({"statement": "SELECT 'hunter2'"});
    let (log, sink) = logger();
    info!(log, &Context::background(), "m", db = Nested::new(&statement), token = Nested::new(&value));
    assert_eq!(
        (&line(&sink)["db"]["statement"], &line(&sink)["token"]),
        (&json!("[redacted]"), &json!("[redacted]"))
    );

    let sink = MemorySink::new();
    let terminal = SlogLogger::terminal(TerminalFormat::plain()).sink(sink.clone()).build();
    info!(terminal, &Context::background(), "m", v = Nested::new(&value), db = Nested::new(&statement));
    assert!(
        sink.text().contains(r#""password":"[redacted]","user":{"api_key":"[redacted]""#),
        "{}",
        sink.text()
    );
    assert!(!sink.text().contains("hunter2") && !Nested::new(&value).to_string().contains("hunter2"));
}

/// Goes wrong behind its second element.
#[derive(Clone, Copy)]
enum Midway {
    Fails,
    Panics,
}

impl Serialize for Midway {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        seq.serialize_element("half")?;
        seq.serialize_element(&json!({"a": [1, {"b": 2}]}))?;
        match self {
            Self::Fails => Err(S::Error::custom("no more")),
            Self::Panics => panic!("in the middle of a value"),
        }
    }
}

#[test]
fn a_serialize_that_fails_or_panics_leaves_a_complete_line() {
    assert_eq!(logged(&Midway::Fails), "[serialize failed]");
    assert_eq!(logged(&json!({"a": 1}).as_object().map(|_| vec![Midway::Panics])), "[serialize panicked]");
    let (log, sink) = logger();
    slog::info!(log.slog(), "m"; "after" => 2, "v" => slog::Serde(Midway::Panics), "before" => 1);
    assert_eq!(line(&sink), {
        let mut line = line(&sink);
        line["v"] = json!("[serialize panicked]");
        (line["before"], line["after"]) = (json!(1), json!(2));
        line
    });
}

#[test]
fn an_element_whose_failure_is_passed_over_is_left_out_as_a_whole() {
    struct Patient;
    impl Serialize for Patient {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            for (key, value) in [("a", Midway::Fails), ("b", Midway::Fails)] {
                assert!(map.serialize_entry(key, &value).is_err());
            }
            map.serialize_entry("c", &1)?;
            map.end()
        }
    }
    assert_eq!(logged(&vec![Patient, Patient]), json!([{"c": 1}, {"c": 1}]));
}

#[test]
fn what_is_nested_too_deep_ends_in_a_note() {
    struct Deeper(fn() -> Self);
    impl Serialize for Deeper {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            [(self.0)()].serialize(serializer)
        }
    }
    struct Wrapped;
    impl Serialize for Wrapped {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_some(self)
        }
    }
    fn deeper() -> Deeper {
        Deeper(deeper)
    }
    let (log, sink) = logger();
    info!(log, &Context::background(), "m", deep = Nested::new(&deeper()), wrapped = Nested::new(&Wrapped));
    let line = line(&sink);
    assert_eq!((&line["wrapped"], &line["truncated"]), (&json!("[too deep]"), &json!(true)));
    let (mut value, mut depth) = (&line["deep"], 0);
    while let Some(inner) = value.get(0) {
        (value, depth) = (inner, depth + 1);
    }
    assert_eq!((value, depth), (&json!("[too deep]"), Nested::DEPTH + 1));
}

#[test]
fn what_has_no_room_is_left_out_at_the_end() {
    /// Goes on for as long as it is let.
    struct Endless;
    impl Serialize for Endless {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut seq = serializer.serialize_seq(None)?;
            loop {
                seq.serialize_element(&json!({"id": 7, "tags": ["a", "b"]}))?;
            }
        }
    }
    let (log, sink) = logger();
    info!(log, &Context::background(), "m", before = 1, v = Nested::new(&(1, Endless, 2)));
    let (text, line) = (sink.text(), line(&sink));
    assert!(text.len() <= JsonFormat::CAP && text.len() > JsonFormat::CAP - 100, "{} bytes", text.len());
    assert_eq!((&line["truncated"], &line["before"], &line["v"][0]), (&json!(true), &json!(1), &json!(1)));
    let (last, rest) = line["v"][1].as_array().unwrap().split_last().unwrap();
    assert!(rest.iter().all(|item| *item == json!({"id": 7, "tags": ["a", "b"]})));
    assert_eq!(last["id"], 7);
}

#[test]
fn a_long_text_inside_loses_its_end_and_no_more() {
    let value = json!({"id": 7, "body": "x".repeat(20_000), "note": "\u{1}".repeat(9_000), "last": true});
    let (log, sink) = logger();
    info!(log, &Context::background(), "m", v = Nested::new(&value), after = "a");
    let line = line(&sink);
    assert!(sink.text().len() <= JsonFormat::CAP);
    assert_eq!(
        (&line["v"]["id"], &line["v"]["last"], &line["after"]),
        (&json!(7), &json!(true), &json!("a"))
    );
    assert!(line["v"]["body"].as_str().unwrap().len() > 1000 && line["truncated"] == true);
}

/// Any JSON; floats are quarters, which every reader reads back exactly.
fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<i32>().prop_map(|quarters| Json::from(f64::from(quarters) / 4.0)),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Json::from),
            proptest::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|fields| Json::from(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Writes a JSON value, and goes wrong at some of its elements.
struct Faulty<'a>(&'a Json, &'a [u8]);

impl Serialize for Faulty<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (fault, rest) = self.1.split_first().unwrap_or((&255, &[]));
        let passes = |fault: &u8| *fault < 200;
        match (self.0, fault) {
            (_, 0) => panic!("a fault"),
            (_, 1..20) => Err(S::Error::custom("a fault")),
            (Json::Array(values), fault) => {
                let mut seq = serializer.serialize_seq(None)?;
                for value in values {
                    let written = seq.serialize_element(&Faulty(value, rest));
                    if passes(fault) { written? } else { drop(written) }
                }
                seq.end()
            }
            (Json::Object(fields), fault) => {
                let mut map = serializer.serialize_map(None)?;
                for (key, value) in fields {
                    let written = map.serialize_entry(key, &Faulty(value, rest));
                    if passes(fault) { written? } else { drop(written) }
                }
                map.end()
            }
            (leaf, _) => leaf.serialize(serializer),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_json_value_is_read_back_as_it_was(value in any_json()) {
        let (log, sink) = with(JsonFormat::new().cap(1 << 20), Redaction::none());
        info!(log, &Context::background(), "m", v = Nested::new(&value));
        slog::info!(log.slog(), "m"; "v" => slog::Serde(value.clone()));
        for line in sink.lines() {
            let line: Json = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(&line["v"], &value);
        }
        prop_assert_eq!(sink.lines().len(), 2);
        prop_assert_eq!(serde_json::from_str::<Json>(&Nested::new(&value).to_string()).is_ok(), true);
    }

    #[test]
    fn any_value_is_strict_json_within_the_cap(
        value in any_json(),
        faults in proptest::collection::vec(any::<u8>(), 0..6),
        cap in 1024_usize..2048,
        repeat in 0_usize..40,
    ) {
        let (log, sink) = with(JsonFormat::new().cap(cap), Redaction::default());
        let values: Vec<_> = (0..repeat).map(|_| Faulty(&value, &faults)).collect();
        info!(log, &Context::background(), "m", v = Nested::new(&values), w = Nested::new(&Faulty(&value, &faults)), last = "a");
        prop_assert!(sink.text().len() <= cap);
        prop_assert_eq!(&line(&sink)["level"], "info");
    }
}
