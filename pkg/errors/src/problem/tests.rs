use serde_json::json;

use super::*;

fn json(problem: &Problem) -> Value {
    serde_json::to_value(problem).unwrap()
}

#[test]
fn details_are_members_and_never_take_the_place_of_one_with_a_meaning() {
    let mut error = Error::conflict("the order has shipped").detail("carrier", json!({"name": "post"}));
    for name in RESERVED {
        error = error.detail(name, "overwritten");
    }
    let value = json(&error.to_problem());
    assert_eq!(value["carrier"], json!({"name": "post"}));
    assert!(!value.to_string().contains("overwritten"));
}

#[test]
fn a_5xx_shows_code_pause_and_request_id_and_nothing_else() {
    let error = Error::unavailable("10.0.0.7 refused")
        .code("LEDGER_DOWN")
        .violation("host", "10.0.0.7")
        .detail("host", "10.0.0.7")
        .retry_after(Duration::from_millis(1))
        .with_request_id("req-1");
    assert_eq!(
        json(&error.to_problem()),
        json!({"type": "about:blank", "title": "Service Unavailable", "status": 503,
               "detail": Kind::Unavailable.public_sentence(), "code": "LEDGER_DOWN",
               "request_id": "req-1", "retry_after": 1})
    );
}

#[test]
fn the_kind_is_written_only_where_status_and_code_leave_it_open() {
    let written = |error: Error| json(&error.to_problem()).get("kind").cloned();
    assert_eq!(written(Error::new(Kind::Aborted, "again")), None);
    assert_eq!(written(Error::new(Kind::NotFound, "no order").code("ORDER_NOT_FOUND")), None);
    assert_eq!(written(Error::new(Kind::Aborted, "again").code("ORDER_BUSY")), Some(json!("ABORTED")));
    let received = Error::from(Error::new(Kind::Aborted, "again").code("ORDER_BUSY").to_problem());
    assert!(received.is_retryable());
}

#[test]
fn type_and_instance_are_the_services_to_name() {
    let problem = Error::forbidden("no credit")
        .to_problem()
        .with_type("https://example.com/credit", "Out of credit")
        .with_instance("/orders/42");
    let value = json(&problem);
    assert_eq!(value["type"], "https://example.com/credit");
    assert_eq!((&value["title"], &value["instance"]), (&json!("Out of credit"), &json!("/orders/42")));
    assert_eq!(serde_json::from_value::<Problem>(value).unwrap(), problem);
}

#[test]
fn a_pause_is_whole_seconds_rounded_up() {
    for (millis, seconds) in [(0, 0), (1, 1), (1000, 1), (1001, 2)] {
        let problem = Error::unavailable("x").retry_after(Duration::from_millis(millis)).to_problem();
        assert_eq!(problem.retry_after_seconds(), Some(seconds));
    }
    let endless = Error::unavailable("x").retry_after(Duration::MAX).to_problem();
    assert_eq!(endless.retry_after_seconds(), Some(u64::MAX));
}

#[test]
fn every_error_status_of_the_table_has_a_title() {
    for kind in Kind::ALL {
        assert!(Error::new(kind, "x").to_problem().title.is_some(), "{kind}");
    }
    assert_eq!(Error::http(418, "x").to_problem().title, None);
}

#[test]
fn a_document_that_is_no_object_is_refused() {
    assert!(serde_json::from_str::<Problem>("[]").is_err());
    assert_eq!(serde_json::from_str::<Problem>("{}").unwrap(), Problem::default());
}
