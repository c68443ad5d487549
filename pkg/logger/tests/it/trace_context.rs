//! The cases of the W3C's trace-context test harness (level 2), each with the headers that the service receives and what it
//! must send on: which trace, and which `tracestate`.

use std::sync::Arc;

use axum::{
    Extension, Router,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Request},
    response::IntoResponse,
    routing::get,
};
use tower::ServiceExt as _;
use underpin_logger::{
    Context, NoopLogger, TraceParent, TraceState,
    tower::{RequestLayer, inject},
};

const TRACE: &str = "12345678901234567890123456789012";
const PARENT: (&str, &str) = ("traceparent", "00-12345678901234567890123456789012-1234567890123456-00");

/// What the headers of an outgoing call say.
#[derive(Debug)]
struct Sent {
    parent: TraceParent,
    state: Option<String>,
}

/// Sends a request to a service whose handler calls another service, and returns what that one receives.
async fn call(headers: &[(&str, &str)]) -> Sent {
    async fn handler(Extension(ctx): Extension<Context>) -> impl IntoResponse {
        let mut headers = HeaderMap::new();
        inject(&ctx.child_span(), &mut headers);
        headers
    }
    let app = Router::new().route("/", get(handler)).layer(RequestLayer::new(Arc::new(NoopLogger)));
    let mut request = Request::get("/").body(Body::empty()).unwrap();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let response = app.oneshot(request).await.unwrap();
    let all = |name: &str| -> Vec<String> {
        response.headers().get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    let (parents, states) = (all("traceparent"), all("tracestate"));
    assert!(parents.len() == 1 && states.len() <= 1, "one of each: {parents:?} {states:?}");
    Sent { parent: TraceParent::parse(&parents[0]).unwrap(), state: states.into_iter().next() }
}

#[tokio::test]
async fn a_valid_traceparent_is_continued_with_another_span() {
    let valid = "00-12345678901234567890123456789012-1234567890123456-01";
    for (name, value) in [
        ("traceparent", valid),
        ("TraceParent", valid),
        ("TrAcEpArEnT", valid),
        ("TRACEPARENT", valid),
        ("traceparent", "cc-12345678901234567890123456789012-1234567890123456-01"),
        (
            "traceparent",
            "cc-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
        ),
        ("traceparent", " 00-12345678901234567890123456789012-1234567890123456-01"),
        ("traceparent", "\t00-12345678901234567890123456789012-1234567890123456-01"),
        ("traceparent", "00-12345678901234567890123456789012-1234567890123456-01 "),
        ("traceparent", "00-12345678901234567890123456789012-1234567890123456-01\t"),
        ("traceparent", "\t 00-12345678901234567890123456789012-1234567890123456-01 \t"),
    ] {
        let sent = call(&[(name, value)]).await;
        assert_eq!(sent.parent.trace_id(), TRACE, "{name}: {value:?}");
        assert_ne!(sent.parent.span_id(), "1234567890123456", "{name}: {value:?}");
        assert!(sent.parent.is_sampled(), "{name}: {value:?}");
        assert_eq!(sent.state, None);
    }
    assert!(!call(&[PARENT]).await.parent.is_sampled(), "the decision of the caller is kept");
}

#[tokio::test]
async fn a_missing_or_invalid_traceparent_starts_a_new_trace() {
    let cases: &[&[(&str, &str)]] = &[
        &[],
        // Twice, with different and with equal values.
        &[
            ("traceparent", "00-12345678901234567890123456789011-1234567890123456-01"),
            ("traceparent", "00-12345678901234567890123456789012-1234567890123456-01"),
        ],
        &[PARENT, PARENT],
        // Another name.
        &[("trace-parent", PARENT.1)],
        &[("trace.parent", PARENT.1)],
        // Version 00 has no more fields; a later one has them after a dash.
        &[("traceparent", "00-12345678901234567890123456789012-1234567890123456-01.")],
        &[(
            "traceparent",
            "00-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
        )],
        &[(
            "traceparent",
            "cc-12345678901234567890123456789012-1234567890123456-01.what-the-future-will-be-like",
        )],
        // Version.
        &[("traceparent", "ff-12345678901234567890123456789012-1234567890123456-01")],
        &[("traceparent", ".0-12345678901234567890123456789012-1234567890123456-01")],
        &[("traceparent", "0.-12345678901234567890123456789012-1234567890123456-01")],
        &[("traceparent", "000-12345678901234567890123456789012-1234567890123456-01")],
        &[("traceparent", "0000-12345678901234567890123456789012-1234567890123456-01")],
        &[("traceparent", "0-12345678901234567890123456789012-1234567890123456-01")],
        // Trace id.
        &[("traceparent", "00-00000000000000000000000000000000-1234567890123456-01")],
        &[("traceparent", "00-.2345678901234567890123456789012-1234567890123456-01")],
        &[("traceparent", "00-1234567890123456789012345678901.-1234567890123456-01")],
        &[("traceparent", "00-123456789012345678901234567890123-1234567890123456-01")],
        &[("traceparent", "00-1234567890123456789012345678901-1234567890123456-01")],
        // Parent id.
        &[("traceparent", "00-12345678901234567890123456789012-0000000000000000-01")],
        &[("traceparent", "00-12345678901234567890123456789012-.234567890123456-01")],
        &[("traceparent", "00-12345678901234567890123456789012-123456789012345.-01")],
        &[("traceparent", "00-12345678901234567890123456789012-12345678901234567-01")],
        &[("traceparent", "00-12345678901234567890123456789012-123456789012345-01")],
        // Flags.
        &[("traceparent", "00-12345678901234567890123456789012-1234567890123456-.0")],
        &[("traceparent", "00-12345678901234567890123456789012-1234567890123456-0.")],
        &[("traceparent", "00-12345678901234567890123456789012-1234567890123456-001")],
        &[("traceparent", "00-12345678901234567890123456789012-1234567890123456-1")],
        &[("traceparent", "00-12345678901234567890123456789012-1234567890123456-é")],
    ];
    for headers in cases {
        let sent = call(headers).await;
        // A new id has at least one digit that the ids sent above do not have at its place.
        for part in
            ["1234567890123456789012345678901", "23456789012345678901234567890123", "0000000000000000000000"]
        {
            assert!(!sent.parent.trace_id().contains(part), "{headers:?}: {sent:?}");
        }
        assert_eq!(sent.state, None, "{headers:?}");
        // A state without its trace says nothing.
        let with_state: Vec<_> = headers.iter().copied().chain([("tracestate", "foo=1,bar=2")]).collect();
        assert_eq!(call(&with_state).await.state, None, "{with_state:?}");
    }
}

#[tokio::test]
async fn a_valid_tracestate_goes_with_its_trace() {
    let (letters, others) = ("abcdefghijklmnopqrstuvwxyz0123456789_-*/", "@a-z0-9_-*/");
    let value: String = (' '..='~').filter(|c| !matches!(c, ',' | '=')).collect();
    let (simple, tenant) = (format!("{letters}={value}"), format!("{letters}{others}={value}"));
    let bars =
        |from: u32, to: u32| (from..=to).map(|n| format!("bar{n:02}={n:02}")).collect::<Vec<_>>().join(",");
    let (tens, all) = ([bars(1, 10), bars(11, 20), bars(21, 30), bars(31, 32)], bars(1, 32));
    let longest_key = format!("{}=1", "z".repeat(256));
    let longest_tenant_key = format!("{}@{}=1", "t".repeat(241), "v".repeat(14));
    let with_foo = |member: &str| format!("foo=1,{member}");
    let cases: &[(&[&str], &str)] = &[
        (&["foo=1,bar=2"], "foo=1,bar=2"),
        (&["foo=1", ""], "foo=1"),
        (&["", "foo=1"], "foo=1"),
        (&["foo=1,,bar=2,"], "foo=1,bar=2"),
        (&["foo=1,bar=2", "rojo=1,congo=2", "baz=3"], "foo=1,bar=2,rojo=1,congo=2,baz=3"),
        (&[&simple], &simple),
        (&[&tenant], &tenant),
        (&["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3"),
        (&["foo=1\t \t,\t \tbar=2,\t \tbaz=3"], "foo=1,bar=2,baz=3"),
        (&[" foo=1"], "foo=1"),
        (&["\tfoo=1"], "foo=1"),
        (&["foo=1 "], "foo=1"),
        (&["foo=1\t"], "foo=1"),
        (&["\t foo=1 \t"], "foo=1"),
        (&[&tens[0], &tens[1], &tens[2], &tens[3]], &all),
        (&["foo=1", &longest_key], &with_foo(&longest_key)),
        (&["foo=1", &longest_tenant_key], &with_foo(&longest_tenant_key)),
    ];
    for (states, expected) in cases {
        let headers: Vec<_> =
            [PARENT].into_iter().chain(states.iter().map(|state| ("tracestate", *state))).collect();
        let sent = call(&headers).await;
        assert_eq!(sent.parent.trace_id(), TRACE, "{states:?}");
        assert_eq!(sent.state.as_deref(), Some(*expected), "{states:?}");
    }
    for name in ["TraceState", "TrAcEsTaTe", "TRACESTATE"] {
        assert_eq!(call(&[PARENT, (name, "foo=1")]).await.state.as_deref(), Some("foo=1"), "{name}");
    }
}

#[tokio::test]
async fn an_invalid_tracestate_is_dropped_and_the_trace_goes_on() {
    let bars =
        |from: u32, to: u32| (from..=to).map(|n| format!("bar{n:02}={n:02}")).collect::<Vec<_>>().join(",");
    let tens = [bars(1, 10), bars(11, 20), bars(21, 30), bars(31, 33)];
    let cases: &[&[&str]] = &[
        &[""],
        &["foo=1,foo=1"],
        &["foo=1,foo=2"],
        &["foo=1", "foo=1"],
        &["foo=1", "foo=2"],
        &["foo =1"],
        &["FOO=1"],
        &["foo.bar=1"],
        &["foo"],
        &["foo@=1,bar=2"],
        &["@foo=1,bar=2"],
        &["foo@@bar=1,bar=2"],
        &["foo@bar@baz=1,bar=2"],
        &[&tens[0], &tens[1], &tens[2], &tens[3]],
        &["foo=1", &format!("{}=1", "z".repeat(257))],
        &["foo=1", &format!("{}@v=1", "t".repeat(242))],
        &["foo=1", &format!("t@{}=1", "v".repeat(15))],
        &["foo=bar=baz"],
        &["foo=,bar=3"],
        &["foo=1", "bar=\u{e9}"],
        &[&format!("foo={}", "x".repeat(257))],
    ];
    for states in cases {
        let headers: Vec<_> =
            [PARENT].into_iter().chain(states.iter().map(|state| ("tracestate", *state))).collect();
        let sent = call(&headers).await;
        assert_eq!((sent.parent.trace_id(), sent.state), (TRACE, None), "{states:?}");
    }
    for name in ["trace-state", "trace.state"] {
        assert_eq!(call(&[PARENT, (name, "foo=1")]).await.state, None, "{name}");
    }
}

#[tokio::test]
async fn each_of_several_calls_has_a_span_id_and_all_have_one_trace() {
    async fn handler(Extension(ctx): Extension<Context>) -> String {
        let calls: [Context; 3] = std::array::from_fn(|_| ctx.child_span());
        calls.map(|call| call.traceparent().unwrap().to_owned()).join(" ")
    }
    let app = Router::new().route("/", get(handler)).layer(RequestLayer::new(Arc::new(NoopLogger)));
    for (sent, continued) in [
        (Some("00-12345678901234567890123456789012-1234567890123456-01"), true),
        (None, false),
        (Some("00-00000000000000000000000000000000-1234567890123456-01"), false),
    ] {
        let builder =
            sent.iter().fold(Request::get("/"), |builder, value| builder.header("traceparent", *value));
        let response = app.clone().oneshot(builder.body(Body::empty()).unwrap()).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
        let calls: Vec<_> =
            str::from_utf8(&body).unwrap().split(' ').map(|text| TraceParent::parse(text).unwrap()).collect();
        assert!(calls.iter().all(|call| call.trace_id() == calls[0].trace_id()));
        assert_eq!(calls[0].trace_id() == TRACE, continued, "{sent:?}");
        let spans: std::collections::HashSet<_> = calls.iter().map(TraceParent::span_id).collect();
        assert_eq!(spans.len(), 3, "{sent:?}");
    }
}

#[tokio::test]
async fn a_service_that_faces_the_public_continues_neither_trace_nor_state() {
    async fn handler(Extension(ctx): Extension<Context>) -> impl IntoResponse {
        let mut headers = HeaderMap::new();
        inject(&ctx, &mut headers);
        headers
    }
    let layer = RequestLayer::new(Arc::new(NoopLogger)).with_fresh_ids();
    let app = Router::new().route("/", get(handler)).layer(layer);
    let request = Request::get("/").header(PARENT.0, PARENT.1).header("tracestate", "foo=1");
    let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert!(!response.headers()["traceparent"].to_str().unwrap().contains(TRACE));
    assert!(!response.headers().contains_key("tracestate"));
}

#[test]
fn headers_copied_from_an_incoming_request_are_replaced() {
    let mut headers = HeaderMap::new();
    for (name, value) in [PARENT, PARENT, ("tracestate", "foo=1"), ("x-request-id", "theirs")] {
        headers.append(name, HeaderValue::from_static(value));
    }
    let ctx = Context::background().child_span();
    inject(&ctx, &mut headers);
    assert_eq!(headers.get_all("traceparent").iter().collect::<Vec<_>>(), [ctx.traceparent().unwrap()]);
    assert!(!headers.contains_key("tracestate") && !headers.contains_key("x-request-id"));
    inject(&ctx.with_trace_state(TraceState::parse("bar=2").unwrap()), &mut headers);
    assert_eq!(headers["tracestate"], "bar=2");
}
