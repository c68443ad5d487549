//! A SQLite file and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use rustix::process::Signal;
use serde_json::Value;
use underpin_testkit::{ServiceProcess, eventually_blocking};

use crate::support::{BINARY, create, start};

#[test]
fn a_kill_in_the_middle_of_writes_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = start(folder.path(), &[]);
    let acknowledged = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (service, acknowledged) = (&service, &acknowledged);
            scope.spawn(move || {
                for number in 0.. {
                    // The kill ends the request.
                    let create = || create(service, &format!("tea {worker}-{number}"), number);
                    let Ok(path) = catch_unwind(AssertUnwindSafe(create)) else { break };
                    acknowledged.lock().unwrap().push(path);
                }
            });
        }
        eventually_blocking(ServiceProcess::LIMIT, "writes are under way", || {
            acknowledged.lock().unwrap().len() >= 50
        });
        service.signal(Signal::KILL);
    });
    let _killed = service.wait();

    let service = start(folder.path(), &[]);
    for path in acknowledged.into_inner().unwrap() {
        assert_eq!(service.get(&path).status, 200, "{path}");
    }
    // A product and its entry are there together, also where the answer was lost.
    for product in all(&service) {
        let path = format!("/api/v1/products/{}/history", product["id"].as_str().unwrap());
        let entries = service.get(&path).json()["entries"].clone();
        assert_eq!((entries.as_array().unwrap().len(), &entries[0]["product"]), (1, &product));
    }
    // So are the events: the outbox is empty when every one has reached the journal of the bus.
    service.stop();
    let status =
        ServiceProcess::command(BINARY, folder.path(), &[]).args(["outbox", "status"]).output().unwrap();
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(status.lines().any(|line| line.starts_with("waiting\t0")), "{status}");
}

fn all(service: &ServiceProcess) -> Vec<Value> {
    let (mut products, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = service.get(&format!("/api/v1/products?limit=100{cursor}")).json();
        products.extend(page["products"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return products,
        }
    }
}

#[test]
fn checked_sql_without_postgres_says_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, log) = ServiceProcess::spawn(BINARY, folder.path(), &[("CATALOG_STORAGE", "sql")]);
    assert_eq!(ServiceProcess::wait_for(&mut child).code(), Some(1));
    assert!(log.to_string().contains("needs PostgreSQL"), "{log}");
}
