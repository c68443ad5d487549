//! Answers stay small whatever a caller or a peer sends, and count what they leave out.

use proptest::prelude::*;
use serde_json::{Value, json};
use tonic::{Code, Status};
use underpin_errors::{Error, Violation};

/// Errors with long texts, many violations and many details.
fn error() -> impl Strategy<Value = Error> {
    let text =
        || (any::<char>(), 0..3000_usize).prop_map(|(character, count)| character.to_string().repeat(count));
    let pairs = || prop::collection::vec((text(), text()), 0..8);
    (text(), text(), text(), pairs(), pairs(), 1..20_usize).prop_map(
        |(message, code, id, wrong, details, times)| {
            let error = Error::bad_request(message).code(code).with_request_id(id);
            let error = details.into_iter().fold(error, |error, (key, value)| error.detail(key, value));
            (0..times).fold(error, |error, _| {
                wrong.iter().fold(error, |error, (field, message)| error.violation(field, message.clone()))
            })
        },
    )
}

fn headers(status: &Status) -> usize {
    let response = status.clone().into_http::<()>();
    response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn bodies_and_headers_stay_small(error in error()) {
        prop_assert!(serde_json::to_vec(&error.to_problem()).unwrap().len() < 64 * 1024);
        prop_assert!(serde_json::to_vec(&error.to_response()).unwrap().len() < 16 * 1024);
        let status = Status::from(&error);
        prop_assert!(headers(&status) < 8 * 1024, "{}", headers(&status));
        prop_assert_eq!(status.code(), Code::InvalidArgument);
        prop_assert_eq!(Error::from(status).http_status(), 400);
    }

    #[test]
    fn an_answer_that_is_read_and_sent_on_stays_the_same(error in error()) {
        let sent = error.code("A_CODE").to_problem();
        let body = serde_json::to_vec(&sent).unwrap();
        let again = Error::from_remote(400, &body).to_problem();
        prop_assert_eq!(String::from_utf8(serde_json::to_vec(&again).unwrap()), String::from_utf8(body));
    }
}

#[test]
fn what_is_left_out_is_counted() {
    let error = (0..2000).fold(Error::bad_request("invalid"), |error, index| {
        error
            .violation(format!("items[{index}].quantity"), "must be at least 1")
            .detail(format!("key{index}"), "x".repeat(100))
    });
    let problem = error.to_problem();
    assert_eq!(problem.errors.len(), 100);
    assert_eq!(problem.errors[99], Violation::body("", "and 1901 more"));
    let kept = problem.extensions.len() - 1;
    assert!(kept > 100);
    assert_eq!(problem.extensions["details_omitted"], 2000 - kept);

    let received = Error::from(Status::from(&error));
    let violations = received.violations();
    let (last, named) = violations.split_last().unwrap();
    assert!(named.len() >= 20, "{}", named.len());
    assert_eq!(last.message(), format!("and {} more", 2000 - named.len()));
    assert_eq!(received.details()["details_omitted"], 2001 - received.details().len());
}

#[test]
fn a_long_text_keeps_its_code_over_grpc() {
    for error in [
        Error::bad_request("x".repeat(40_000)),
        Error::bad_request("é".repeat(40_000)),
        Error::bad_request("short").detail("by", "y".repeat(40_000)),
        Error::bad_request("short").with_request_id("y".repeat(40_000)),
        Error::bad_request("short").code("Y".repeat(40_000)),
    ] {
        let status = error.to_status(&"domain".repeat(1000));
        assert!(headers(&status) < 8 * 1024, "{}", headers(&status));
        assert_eq!(status.code(), Code::InvalidArgument);
    }
}

#[test]
fn a_peer_fills_neither_memory_nor_our_own_answers() {
    let huge = "x".repeat(1 << 16);
    let body = json!({"title": huge, "detail": huge, "instance": huge, "code": huge, "request_id": huge, huge.clone(): 1,
        "small": 7, "big": huge, "errors": vec![json!({"detail": huge, "pointer": format!("#/{huge}")}); 200]});
    let error = Error::from_remote(400, body.to_string().as_bytes());
    assert_eq!((error.details().len(), &error.details()["small"]), (2, &json!(7)));
    assert_eq!(error.details()["details_omitted"], 2);
    assert!(error.public_message().len() <= 2048 && error.request_id().unwrap().len() <= 200);
    let kept: usize = error.violations().iter().map(|it| it.field().len() + it.message().len()).sum();
    assert!(kept <= 16 * 1024, "{kept}");
    assert!(headers(&Status::from(&error)) < 8 * 1024);

    let short = json!({"status_code": 400, "error_code": "A", "message": huge});
    assert!(Error::from_remote(400, short.to_string().as_bytes()).public_message().len() <= 2048);
    let received: underpin_errors::ErrorResponse = serde_json::from_value(short).unwrap();
    assert!(Error::from(received).public_message().len() <= 2048);
    assert!(Error::from(Status::invalid_argument(&huge)).public_message().len() <= 2048);
}

#[test]
fn small_answers_are_whole() {
    let error = Error::conflict("taken").violation("a", "b").detail("list", json!([1, {"x": "y"}]));
    let problem = error.to_problem();
    assert_eq!(problem.errors, error.violations());
    assert_eq!(Value::Object(problem.extensions), json!({"list": [1, {"x": "y"}]}));
}
