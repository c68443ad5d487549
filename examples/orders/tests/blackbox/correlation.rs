//! One request id, from the caller's header to the log, the event's effect and the error body.

use serde_json::Value;

use super::service;
use super::support::tea;

#[test]
fn the_request_id_of_the_caller_is_in_the_answer_the_log_and_the_consumer() {
    let (_folder, service) = service();
    let reply = service.post("/orders", &[("x-request-id", "from-outside-1")], &tea("ada"));
    assert_eq!(reply.header("x-request-id"), Some("from-outside-1"));
    let refused = service.send("GET", "/orders/nope", &[("x-request-id", "from-outside-2")], "");
    assert_eq!(refused.problem(404, "ORDER_NOT_FOUND")["request_id"], "from-outside-2");

    let of = |id: &'static str, msg: &'static str| {
        move |line: &Value| line["request_id"] == id && line["msg"] == msg
    };
    service.log.wait_for("the order", of("from-outside-1", "order placed"));
    // The consumer works in another task, later: only the event can have carried the id to it.
    service.log.wait_for("the effect of its event", of("from-outside-1", "order counted"));
    service.stop();
}

#[test]
fn an_id_that_could_forge_a_line_is_replaced_and_a_missing_one_is_made() {
    let (_folder, service) = service();
    for headers in [&[("x-request-id", "a b\"level\":\"error")][..], &[]] {
        let reply = service.send("GET", "/nowhere", headers, "");
        let id = reply.header("x-request-id").unwrap().to_owned();
        assert_eq!(id.len(), 36, "{id}");
        reply.problem(404, "ROUTE_NOT_FOUND");
    }
    service.stop();
}

#[test]
fn the_trace_of_the_caller_goes_on_in_the_log() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let (_folder, service) = service();
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    service.post("/orders", &[("traceparent", &parent)], &tea("ada"));
    service
        .log
        .wait_for("a line of the trace", |line| line["trace_id"] == TRACE && line["msg"] == "order placed");
    service.log.wait_for("the consumer in the trace", |line| {
        line["trace_id"] == TRACE && line["msg"] == "order counted"
    });
    service.post("/orders", &[("traceparent", "00-nonsense")], &tea("ada"));
    service.stop();
}
