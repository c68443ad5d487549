//! Coming up, being well, and ending in order.

use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::json;

use super::support::{Exchange, Service, pause, tea};
use super::{BINARY, service};

#[test]
fn health_names_each_component() {
    let (_folder, service) = service();
    assert_eq!(service.probe("/health/live").status, 200);
    let ready = service.ready_until(|reply| reply.status == 200).json();
    assert_eq!(ready["status"], "up");
    for component in ["database", "events", "order-stats", "outbox"] {
        assert_eq!(ready["components"][component]["status"], "up", "{component} in {ready}");
    }
    service.stop();
}

#[test]
fn sigterm_finishes_what_is_in_flight_and_exits_0() {
    let (folder, mut service) = service();
    let body = tea("ada").to_string();
    let headers = [("content-type", "application/json"), ("expect", "100-continue")];
    let mut exchange = Exchange::begin(&service.address, "POST", "/orders", &headers, body.len());
    exchange.wait_for_continue();
    service.signal(Signal::TERM);
    while TcpStream::connect(&service.address).is_ok() {
        pause();
    }
    let reply = exchange.finish(&body);
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(service.wait().code(), Some(0), "{}", service.log);
    let lines = service.log.lines();
    assert_eq!(
        lines.last().map(|line| line["msg"].clone()),
        Some(json!("service stopped")),
        "the log was flushed"
    );

    // The order and the effect of its event outlived the process.
    let service = Service::start(BINARY, folder.path(), &[]);
    assert_eq!(service.get(reply.header("location").unwrap()).json(), reply.json());
    service.get_until("/stats", |stats| stats.json() == json!({"orders_placed": 1, "revenue_cents": 700}));
    service.stop();
}

#[test]
fn a_request_that_never_ends_does_not_hold_the_exit_up_beyond_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(BINARY, folder.path(), &[("ORDERS_SERVICE__STOP_WITHIN", "300ms")]);
    let headers = [("content-type", "application/json"), ("expect", "100-continue")];
    let mut stuck = Exchange::begin(&service.address, "POST", "/orders", &headers, 100);
    stuck.wait_for_continue();
    service.signal(Signal::INT);
    assert_eq!(service.wait().code(), Some(0), "{}", service.log);
    service.log.wait_for("what was left", |line| {
        line["msg"] == "component stopped with work left" && line["component"] == "http"
    });
    drop(stuck);
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let (_folder, mut service) = service();
    let headers = [("content-type", "application/json"), ("expect", "100-continue")];
    let mut stuck = Exchange::begin(&service.address, "POST", "/orders", &headers, 100);
    stuck.wait_for_continue();
    service.signal(Signal::INT);
    service.log.wait_for("the first one", |line| line["msg"] == "service stopping");
    service.signal(Signal::INT);
    assert_eq!(service.wait().code(), Some(130), "{}", service.log);
    drop(stuck);
}

#[test]
fn every_line_of_the_log_is_json_with_the_service_and_a_time() {
    let (_folder, service) = service();
    service.post("/orders", &[], &tea("ada"));
    service.get("/orders/nope");
    let lines = service.stop();
    for line in &lines {
        for key in ["ts", "level", "msg", "service"] {
            assert!(line[key].is_string(), "{key} in {line}");
        }
    }
    assert!(lines.len() >= 5, "{lines:?}");
}
