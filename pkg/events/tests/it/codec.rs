//! The JSON, batch and binary formats against the texts of the CloudEvents specification, and against hostile input.

use bytes::Bytes;
use proptest::prelude::*;
use time::macros::datetime;
use underpin_events::{BinaryMessage, Data, Event, ExtensionValue, InvalidEventError, batch_from_json};
use underpin_logger::{Context, TraceParent, TraceState};

/// json-format.md 1.0.2, section 3.2: each example, word for word.
const SPEC_BASE64: &str = r#"{
    "specversion" : "1.0",
    "type" : "com.example.someevent",
    "source" : "/mycontext",
    "subject": null,
    "id" : "D234-1234-1234",
    "time" : "2018-04-05T17:31:00Z",
    "comexampleextension1" : "value",
    "comexampleothervalue" : 5,
    "datacontenttype" : "application/vnd.apache.thrift.binary",
    "data_base64" : "aGVsbG8="
}"#;
const SPEC_JSON_OBJECT: &str = r#"{
    "specversion" : "1.0",
    "type" : "com.example.someevent",
    "source" : "/mycontext",
    "subject": null,
    "id" : "C234-1234-1234",
    "time" : "2018-04-05T17:31:00Z",
    "comexampleextension1" : "value",
    "comexampleothervalue" : 5,
    "datacontenttype" : "application/json",
    "data" : {
        "appinfoA" : "abc",
        "appinfoB" : 123,
        "appinfoC" : true
    }
}"#;
const SPEC_XML: &str = r#"{
    "specversion" : "1.0",
    "type" : "com.example.someevent",
    "source" : "/mycontext",
    "subject": null,
    "id" : "B234-1234-1234",
    "time" : "2018-04-05T17:31:00Z",
    "comexampleextension1" : "value",
    "comexampleothervalue" : 5,
    "unsetextension": null,
    "datacontenttype" : "application/xml",
    "data" : "<much wow=\"xml\"/>"
}"#;

#[test]
fn specification_example_with_binary_data() {
    let event = Event::from_json(SPEC_BASE64.as_bytes()).unwrap();
    assert_eq!(event.id(), "D234-1234-1234");
    assert_eq!(event.subject(), None);
    assert_eq!(event.time(), Some(datetime!(2018-04-05 17:31 UTC)));
    assert_eq!(event.extensions().get("comexampleothervalue"), Some(&ExtensionValue::Integer(5)));
    assert_eq!(event.data(), Some(&Data::Binary(Bytes::from_static(b"hello"))));
    assert_eq!(Event::from_json(&event.to_json()).unwrap(), event);
}

#[test]
fn specification_example_with_a_json_object() {
    let event = Event::from_json(SPEC_JSON_OBJECT.as_bytes()).unwrap();
    let data: serde_json::Value = event.json().unwrap();
    assert_eq!(data, serde_json::json!({"appinfoA": "abc", "appinfoB": 123, "appinfoC": true}));
    assert_eq!(Event::from_json(&event.to_json()).unwrap(), event);
}

#[test]
fn specification_example_with_text_of_another_type() {
    let event = Event::from_json(SPEC_XML.as_bytes()).unwrap();
    assert_eq!(event.data(), Some(&Data::Text("<much wow=\"xml\"/>".to_owned())));
    assert!(event.extensions().get("unsetextension").is_none());
    assert_eq!(Event::from_json(&event.to_json()).unwrap(), event);
}

#[test]
fn specification_example_of_a_batch() {
    let batch = format!("[{SPEC_XML},{SPEC_BASE64}]");
    let ids: Vec<String> =
        batch_from_json(batch.as_bytes()).unwrap().iter().map(|e| e.id().to_owned()).collect();
    assert_eq!(ids, ["B234-1234-1234", "D234-1234-1234"]);
}

#[test]
fn unknown_attributes_and_every_digit_are_kept() {
    let json = br#"{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"2018-04-05T17:31:00.100000000+02:00",
        "futureattribute":"kept","flag":false,"count":-2147483648,"data":{"n":12345678901234567890123,"f":1.10}}"#;
    let again = Event::from_json(&Event::from_json(json).unwrap().to_json()).unwrap();
    assert_eq!(again.extension("futureattribute"), Some("kept"));
    assert_eq!(again.extensions().get("flag"), Some(&ExtensionValue::Boolean(false)));
    assert_eq!(again.extensions().get("count"), Some(&ExtensionValue::Integer(i32::MIN)));
    assert_eq!(again.data().unwrap().as_bytes(), br#"{"n":12345678901234567890123,"f":1.10}"#);
    assert!(String::from_utf8_lossy(&again.to_json()).contains("2018-04-05T17:31:00.100000000+02:00"));
}

#[test]
fn what_breaks_a_rule_is_refused_by_name() {
    let base =
        |members: &str| format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t"{members}}}"#);
    assert!(Event::from_json(base("").as_bytes()).is_ok());
    let refused = [
        (r#"{"id":"1","source":"/s","type":"t"}"#.to_owned(), "`specversion` is missing"),
        (r#"{"specversion":"0.3","id":"1","source":"/s","type":"t"}"#.to_owned(), "specversion is not 1.0"),
        (r#"{"specversion":"1.0","source":"/s","type":"t"}"#.to_owned(), "`id` is missing"),
        (r#"{"specversion":"1.0","id":"","source":"/s","type":"t"}"#.to_owned(), "`id` is missing"),
        (r#"{"specversion":"1.0","id":"1","source":null,"type":"t"}"#.to_owned(), "`source` is missing"),
        (base(r#","subject":"""#), "`subject` is empty"),
        (base(r#","subject":"a\nb""#), "`subject` holds control"),
        (base(r#","time":"yesterday""#), "`time` is not"),
        (base(r#","organization_id":"x""#), "`organization_id` may hold"),
        (base(r#","big":4294967296"#), "not the JSON"),
        (base(r#","float":1.5"#), "not the JSON"),
        (base(r#","nested":{}"#), "not the JSON"),
        (base(r#","id":"2""#), "not the JSON"),
        (base(r#","twice":"1","twice":"2""#), "`twice` is present twice"),
        (base(r#","data":1,"data_base64":"aGVsbG8=""#), "data is present both"),
        (base(r#","data_base64":"!""#), "data is not base64"),
        ("[]".to_owned(), "not the JSON"),
        (String::new(), "not the JSON"),
    ];
    for (json, expected) in refused {
        let error = Event::from_json(json.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{json}: {error}");
    }
}

#[test]
fn the_builder_refuses_what_it_could_not_read_back() {
    let build = |f: fn(underpin_events::EventBuilder) -> underpin_events::EventBuilder| {
        f(Event::builder("t", "/s")).build().map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(build(|b| b), Ok(()));
    for (result, expected) in [
        (build(|b| b.id("")), "`id`"),
        (build(|b| b.subject("")), "`subject`"),
        (build(|b| b.subject("a\r\nb")), "`subject`"),
        (build(|b| b.extension("Upper", "x")), "`Upper`"),
        (build(|b| b.extension("ok", "a\u{0}")), "`ok`"),
        (build(|b| b.data_schema("relative")), "`dataschema`"),
        (build(|b| b.text("nonsense", "x")), "`datacontenttype`"),
        (build(|b| b.text("application/json", "x")), "data is text"),
        (build(|b| b.time(datetime!(-5-01-01 0:00 UTC))), "`time`"),
    ] {
        let error = result.unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    assert!(Event::builder("t", "my service").build().is_err());
}

#[test]
fn a_lenient_source_is_read_and_can_be_built_again() {
    let json = br#"{"specversion":"1.0","id":"1","source":"my service","type":"t"}"#;
    let event = Event::from_json(json).unwrap();
    assert_eq!(event.into_builder().id("2").build().unwrap().source(), "my service");
}

#[test]
fn the_flat_form_is_read_on_request_only() {
    let flat = br#"{"id":"1","source":"/s","type":"t","timestamp":"2024-01-02T03:04:05Z","organization_id":"acme","data":{}}"#;
    assert!(Event::from_json(flat).is_err());
    let event = Event::from_json_or_flat(flat).unwrap();
    assert_eq!(
        (event.organization_id(), event.time()),
        (Some("acme"), Some(datetime!(2024-01-02 3:04:05 UTC)))
    );
    assert_eq!(Event::from_json_or_flat(&event.to_json()).unwrap(), event);
}

#[test]
fn a_payload_error_tells_the_place_and_not_the_value() {
    let event = Event::builder("t", "/s").json(&serde_json::json!({"password": "hunter2"})).build().unwrap();
    let error = event.json::<u32>().unwrap_err();
    let text = underpin_errors::Report(&error).to_string();
    assert!(text.contains("line 1"), "{text}");
    assert!(!text.contains("hunter2") && !format!("{error:?}").contains("hunter2"), "{text} {error:?}");
}

#[test]
fn binary_mode_keeps_every_attribute() {
    let event = Event::builder("order.placed", "/orders")
        .subject("naïve \"50%\" ☂")
        .extension("flag", true)
        .json(&serde_json::json!({"a": 1}))
        .build()
        .unwrap();
    let BinaryMessage { headers, body, .. } = event.to_binary();
    assert!(headers.iter().all(|(_, value)| value.bytes().all(|b| b.is_ascii_graphic())));
    let read = Event::from_binary(headers.iter().map(|(n, v)| (n.as_str(), v.as_str())), body).unwrap();
    // A header does not say that `flag` was a boolean; all else is the same.
    assert_eq!(read.extension("flag"), Some("true"));
    assert_eq!(
        (read.id(), read.subject(), read.time(), read.data()),
        (event.id(), event.subject(), event.time(), event.data())
    );
}

#[test]
fn binary_mode_reads_header_names_without_case_and_ignores_others() {
    let headers = [
        ("Ce-SpecVersion", "1.0"),
        ("CE-ID", "1"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
        ("Nats-Msg-Id", "x"),
    ];
    let event = Event::from_binary(headers, Bytes::from_static(b"\x00\x01")).unwrap();
    assert_eq!(event.data(), Some(&Data::Binary(Bytes::from_static(b"\x00\x01"))));
    assert!(matches!(
        Event::from_binary([("ce-id", "1")], Bytes::new()).unwrap_err(),
        InvalidEventError::Missing { name: "specversion" }
    ));
}

/// The attributes that every event has, and more headers.
fn binary(more: &[(&'static str, &'static str)], body: &'static str) -> Result<Event, InvalidEventError> {
    let required = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t")];
    Event::from_message(required.into_iter().chain(more.iter().copied()), Bytes::from_static(body.as_bytes()))
}

#[test]
fn the_content_type_selects_structured_mode_before_the_version_selects_binary_mode() {
    let json = r#"{"specversion":"1.0","id":"in-json","source":"/s","type":"t"}"#;
    for media_type in [
        "application/cloudevents+json",
        "Application/CloudEvents+Json; charset=UTF-8",
        "application/cloudevents",
    ] {
        assert_eq!(binary(&[("CONTENT-TYPE", media_type)], json).unwrap().id(), "in-json");
    }
    for media_type in ["application/json", "text/plain"] {
        assert_eq!(binary(&[("Content-Type", media_type)], json).unwrap().id(), "1");
    }
    assert_eq!(
        Event::from_message([("Content-Type", "application/json")], json.into()).unwrap().id(),
        "in-json"
    );
    for media_type in ["application/cloudevents+avro", "application/cloudevents-batch+json"] {
        let error = binary(&[("Content-Type", media_type)], json).unwrap_err();
        assert!(error.to_string().contains("format other than JSON"), "{error}");
    }
}

#[test]
fn the_content_type_of_binary_data_is_an_attribute_header() {
    let event =
        binary(&[("ce-datacontenttype", "application/json"), ("Content-Type", "text/plain")], "7").unwrap();
    assert_eq!((event.data_content_type(), event.json().ok()), (Some("application/json"), Some(7)));
    let event = binary(&[("Content-Type", "application/json")], "7").unwrap();
    assert_eq!((event.data_content_type(), event.json().ok()), (Some("application/json"), Some(7)));
    let header = |event: &Event| {
        let message = event.to_binary();
        assert!(message.headers.iter().all(|(name, value)| name != "content-type" && value.is_ascii()));
        let found = message.headers.into_iter().find(|(name, _)| name == "ce-datacontenttype");
        found.map(|(_, value)| value)
    };
    assert_eq!(header(&event).as_deref(), Some("application/json"));
    // Without a type the reader would take the data for bytes.
    let unnamed =
        Event::from_json(br#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":1}}"#)
            .unwrap();
    assert_eq!((unnamed.data_content_type(), header(&unnamed).as_deref()), (None, Some("application/json")));
    let bare = Event::builder("t", "/s").build().unwrap();
    assert_eq!(header(&bare), None);
}

#[test]
fn quoted_header_values_are_read() {
    let subject = |value| {
        binary(&[("ce-subject", value)], "").map(|event| event.subject().unwrap_or_default().to_owned())
    };
    assert_eq!(subject(r#""Euro%20%E2%82%AC""#).unwrap(), "Euro \u{20ac}");
    assert_eq!(subject(r#""a \"quoted\" \\ word""#).unwrap(), r#"a "quoted" \ word"#);
    assert_eq!(subject("plain 50%").unwrap(), "plain 50%");
    assert_eq!(subject(r#""half"#).unwrap(), r#""half"#);
    assert!(subject(r#""""#).is_err(), "an empty attribute");
    assert!(subject("%FF").is_err(), "no UTF-8");
}

/// The trace of the producer, with its state, is that of the consumer.
#[test]
fn the_trace_state_travels_with_its_trace() {
    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let state = TraceState::parse("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE").unwrap();
    let producer = Context::background().with_traceparent(PARENT).unwrap().with_trace_state(state);
    let caused = |context: &Context, event: Option<Event>| {
        let builder = event.map_or_else(|| Event::builder("t", "/s"), Event::into_builder);
        builder.caused_by(context).build().unwrap()
    };
    let event = caused(&producer, None);
    let message = event.to_binary();
    let headers = message.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for read in
        [Event::from_json(&event.to_json()).unwrap(), Event::from_message(headers, message.body).unwrap()]
    {
        let consumer = read.context();
        assert_eq!((consumer.traceparent(), consumer.tracestate()), (Some(PARENT), producer.tracestate()));
    }
    // Another trace does not inherit the state.
    let other = Context::background().with_trace(TraceParent::generate());
    assert_eq!(caused(&other, Some(event.clone())).trace_state(), None);

    let context = |more: &[(&'static str, &'static str)]| binary(more, "").unwrap().context();
    let (parent, one) = (("ce-traceparent", PARENT), ("ce-tracestate", "a=1"));
    assert_eq!(context(&[parent, one]).tracestate(), Some("a=1"));
    assert_eq!(context(&[parent, one, ("ce-tracestate", "b=2")]).tracestate(), Some("a=1,b=2"));
    for invalid in ["a=1,a=2", "a", "A=1"] {
        let context = context(&[parent, ("ce-tracestate", invalid)]);
        assert_eq!((context.traceparent(), context.tracestate()), (Some(PARENT), None), "{invalid}");
    }
    let several = context(&[
        parent,
        one,
        ("ce-traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ]);
    assert_eq!((several.traceparent(), several.tracestate()), (None, None));
    assert_eq!(context(&[one]).tracestate(), None, "a state without a trace");
}

#[test]
fn an_attribute_that_is_present_twice_is_refused() {
    for (name, value) in [("CE-Id", "2"), ("ce-xtra", "a")] {
        let error = binary(&[("ce-xtra", "b"), (name, value)], "").unwrap_err();
        assert!(error.to_string().contains("present twice"), "{error}");
    }
}

#[test]
fn a_time_needs_the_separator_of_the_specification() {
    for bad in ["2018-04-05 17:31:00Z", "2018-04-05_17:31:00Z", "2018-04-05"] {
        assert!(binary(&[("ce-time", bad)], "").is_err(), "{bad}");
    }
    assert!(binary(&[("ce-time", "2018-04-05T17:31:00.5+02:00")], "").unwrap().time().is_some());
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{1,40}".prop_filter("noncharacters", |text| {
        text.chars().all(|c| {
            !c.is_control() && u32::from(c) & 0xFFFE != 0xFFFE && !('\u{FDD0}'..='\u{FDEF}').contains(&c)
        })
    })
}

fn extension_value() -> impl Strategy<Value = ExtensionValue> {
    prop_oneof![
        any::<bool>().prop_map(ExtensionValue::from),
        any::<i32>().prop_map(ExtensionValue::from),
        text().prop_map(ExtensionValue::from),
    ]
}

prop_compose! {
    fn event()(
        id in text(), ty in text(), source in "/[a-z0-9/]{0,20}", subject in proptest::option::of(text()),
        extensions in proptest::collection::btree_map("x[a-z0-9]{0,10}", extension_value(), 0..4),
        seconds in -60_000_000_000_i64..200_000_000_000, nanos in 0_i32..1_000_000_000,
        data in 0..4, payload in proptest::collection::vec(any::<u8>(), 0..64), words in "\\PC{0,40}",
    ) -> Event {
        let time = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap() + time::Duration::nanoseconds(nanos.into());
        let mut builder = Event::builder(ty, source).id(id).time(time);
        if let Some(subject) = subject { builder = builder.subject(subject); }
        for (name, value) in extensions { builder = builder.extension(name, value); }
        builder = match data {
            0 => builder,
            1 => builder.json(&words),
            2 => builder.text("text/plain", words),
            _ => builder.binary("application/octet-stream", payload),
        };
        builder.build().unwrap()
    }
}

proptest! {
    #[test]
    fn structured_mode_round_trips(event in event()) {
        let json = event.to_json();
        prop_assert_eq!(Event::from_json(&json).unwrap(), event.clone());
        // Any JSON reader agrees on what was written.
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        prop_assert_eq!(value["id"].as_str().unwrap(), event.id());
        prop_assert_eq!(value["type"].as_str().unwrap(), event.ty());
        let through_serde: Event = serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap();
        prop_assert_eq!(through_serde, event);
    }

    #[test]
    fn binary_mode_round_trips(event in event()) {
        let BinaryMessage { headers, body, .. } = event.to_binary();
        let read = Event::from_binary(headers.iter().map(|(n, v)| (n.as_str(), v.as_str())), body.clone()).unwrap();
        prop_assert_eq!((read.id(), read.ty(), read.source(), read.subject()), (event.id(), event.ty(), event.source(), event.subject()));
        prop_assert_eq!((read.time(), read.extensions().len()), (event.time(), event.extensions().len()));
        prop_assert_eq!(read.data().map_or(&[][..], Data::as_bytes), event.data().map_or(&[][..], Data::as_bytes));
    }

    #[test]
    fn hostile_json_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        drop(Event::from_json(&bytes));
        drop(Event::from_json_or_flat(&bytes));
        drop(batch_from_json(&bytes));
    }

    #[test]
    fn almost_valid_json_never_panics_and_what_is_read_is_valid(
        name in "\\PC{0,12}", value in prop_oneof!["\\PC{0,12}", Just("null".to_owned()), Just("1e999".to_owned()), Just("{}".to_owned())],
        cut in 0_usize..200,
    ) {
        let json = format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","{name}":"{value}","x":{value}}}"#);
        if let Ok(event) = Event::from_json(json.as_bytes()) {
            prop_assert_eq!(Event::from_json(&event.to_json()).unwrap(), event);
        }
        let cut = cut.min(json.len());
        drop(Event::from_json(&json.as_bytes()[..cut]));
    }

    #[test]
    fn hostile_headers_never_panic(headers in proptest::collection::vec(("(ce-)?\\PC{0,12}", ".{0,20}"), 0..8), body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let mut headers: Vec<(String, String)> = headers;
        headers.extend([("ce-specversion".into(), "1.0".into()), ("ce-id".into(), "1".into()), ("ce-source".into(), "/s".into()), ("ce-type".into(), "t".into())]);
        if let Ok(event) = Event::from_binary(headers.iter().map(|(n, v)| (n.as_str(), v.as_str())), body.into()) {
            let again = Event::from_json(&event.to_json()).unwrap();
            prop_assert_eq!(again.id(), event.id());
        }
    }
}
