//! Each payment is charged once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use underpin_testkit::{HttpReply, ServiceProcess};

use crate::start;

fn pay(service: &ServiceProcess, id: &str) -> HttpReply {
    let payment = json!({"user_id": "user123", "subscription_id": "sub456", "amount": 9.99});
    service.post("/api/v1/payments", &[("idempotency-key", id)], &payment)
}

fn charged(service: &ServiceProcess, id: &str) -> Value {
    let path = format!("/api/v1/payments/{id}");
    service.get_until(&path, |reply| reply.status == 200 && reply.json()["charge"].is_string()).json()
}

/// How often the gateway charged each payment.
fn charges(folder: &Path) -> BTreeMap<String, usize> {
    let ledger = std::fs::read_to_string(folder.join("data/gateway.ledger")).unwrap_or_default();
    let mut charges = BTreeMap::new();
    for line in ledger.lines() {
        *charges.entry(line.split('\t').next().unwrap().to_owned()).or_default() += 1;
    }
    charges
}

#[test]
fn a_gateway_that_charges_and_then_hangs_charges_once() {
    let folder = tempfile::tempdir().unwrap();
    let variables = [("WORKERS_GATEWAY__HANG_FIRST", "2"), ("WORKERS_GATEWAY__TIMEOUT", "200ms")];
    let service = start(folder.path(), &variables);
    for _ in 0..3 {
        assert_eq!(pay(&service, "pay-1").status, 202);
    }
    let payment = charged(&service, "pay-1");
    assert_eq!((&payment["cents"], &payment["user_id"]), (&json!(999), &json!("user123")));
    service.log.wait_for("the retry", |line| line["msg"] == "payment not charged yet");
    assert_eq!(charges(folder.path()), [("pay-1".to_owned(), 1)].into());
    service.stop();
}

#[test]
fn a_kill_in_the_middle_of_charges_loses_none_and_repeats_none() {
    let folder = tempfile::tempdir().unwrap();
    // The process dies while four charges are made and not answered.
    let service =
        start(folder.path(), &[("WORKERS_GATEWAY__HANG_FIRST", "4"), ("WORKERS_GATEWAY__TIMEOUT", "60s")]);
    let accepted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (service, accepted) = (&service, &accepted);
            scope.spawn(move || {
                for number in 0..10 {
                    assert_eq!(pay(service, &format!("pay-{worker}-{number}")).status, 202);
                    accepted.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    underpin_testkit::eventually_blocking(ServiceProcess::LIMIT, "four charges hang", || {
        charges(folder.path()).len() >= 4
    });
    service.kill();

    let service = start(folder.path(), &[]);
    for worker in 0..4 {
        for number in 0..10 {
            charged(&service, &format!("pay-{worker}-{number}"));
        }
    }
    let charges = charges(folder.path());
    assert_eq!(charges.len(), accepted.into_inner());
    assert!(charges.values().all(|times| *times == 1), "{charges:?}");
    service.stop();
}

#[test]
fn what_is_no_payment_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let free = json!({"user_id": "u", "subscription_id": "s", "amount": 0});
    service.post("/api/v1/payments", &[], &free).problem(400, "INVALID_AMOUNT");
    pay(&service, "no spaces").problem(400, "INVALID_IDEMPOTENCY_KEY");
    service.get("/api/v1/payments/none").problem(404, "PAYMENT_NOT_FOUND");
    service.stop();
}
