//! The embedded default, SQLite and the in-memory bus with its journal, under load: every acknowledged order has its effect
//! once, after a `kill -9` and after a SIGTERM.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::BINARY;
use crate::support::{LIMIT, Reply, Service, tea};

/// Places an order; its id once the answer is complete. None where the process is gone.
fn place(address: &str) -> Option<String> {
    let body = tea("ada").to_string();
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: orders\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if !head.starts_with("HTTP/1.1 201") {
        return None;
    }
    let order: Value = serde_json::from_str(body).ok()?;
    Some(order["id"].as_str()?.to_owned())
}

/// Four callers place orders until the service is gone; `end` ends it when that many are acknowledged.
fn load(address: &str, orders: usize, end: impl FnOnce()) -> HashSet<String> {
    let (send, acknowledged) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let send = send.clone();
            scope.spawn(move || while place(address).is_some_and(|id| send.send(id).is_ok()) {});
        }
        drop(send);
        let mut ids: HashSet<String> =
            (0..orders).filter_map(|_| acknowledged.recv_timeout(LIMIT).ok()).collect();
        end();
        ids.extend(acknowledged);
        assert!(ids.len() >= orders, "the load has stopped: {}", ids.len());
        ids
    })
}

/// The ids of all orders.
fn stored(service: &Service) -> HashSet<String> {
    let (mut ids, mut cursor) = (HashSet::new(), String::new());
    loop {
        let page = service.get(&format!("/orders?limit=100{cursor}")).json();
        let orders = page["orders"].as_array().unwrap();
        ids.extend(orders.iter().map(|order| order["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

/// Starts the service again: each acknowledged order is there, and each order that is there is counted once.
fn check(folder: &Path, acknowledged: &HashSet<String>) -> Service {
    let service = Service::start(BINARY, folder, &[]);
    let stored = stored(&service);
    assert!(
        acknowledged.is_subset(&stored),
        "{} of {} are gone",
        acknowledged.difference(&stored).count(),
        acknowledged.len()
    );
    service.get_until("/stats", |stats| stats.json()["orders_placed"].as_u64() >= Some(stored.len() as u64));
    let ready = |reply: &Reply| {
        let components = &reply.json()["components"];
        components["outbox"]["details"]["waiting"] == 0 && components["order-stats"]["status"] == "up"
    };
    service.ready_until(ready);
    let revenue = 700 * stored.len();
    assert_eq!(
        service.get("/stats").json(),
        json!({"orders_placed": stored.len(), "revenue_cents": revenue})
    );
    service
}

/// How often the service is killed. `ORDERS_KILLS=20 cargo test -p orders a_kill_under_load` is the long run.
fn kills() -> usize {
    std::env::var("ORDERS_KILLS").map_or(3, |kills| kills.parse().expect("ORDERS_KILLS is a number"))
}

#[test]
fn a_kill_under_load_loses_no_acknowledged_order_and_counts_none_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = HashSet::new();
    let mut service = Service::start(BINARY, folder.path(), &[]);
    for _ in 0..kills() {
        acknowledged.extend(load(&service.address, 150, || service.signal(Signal::KILL)));
        service.wait();
        drop(service);
        service = check(folder.path(), &acknowledged);
        // Its partitions do not wait for the lease of the relay that was killed.
        service.log.wait_for("the takeover", |line| line["msg"] == "leases of a killed relay released");
    }
    service.stop();
}

#[test]
fn a_stop_under_load_finishes_every_event_or_reports_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = HashSet::new();
    // The second stop has no time to finish, so it must say so.
    for within in ["60s", "100ms"] {
        let mut service = Service::start(BINARY, folder.path(), &[("ORDERS_SERVICE__STOP_WITHIN", within)]);
        acknowledged.extend(load(&service.address, 150, || service.signal(Signal::TERM)));
        assert_eq!(service.wait().code(), Some(0), "{}", service.log);
        let drained = service.log.wait_for("the drain", |line| line["msg"] == "events drained");
        let left = [&drained["events_in_outbox"], &drained["events_on_bus"]];
        if within == "60s" {
            assert_eq!((&drained["drained"], left), (&json!(true), [&json!(0), &json!(0)]), "{drained}");
        }
        check(folder.path(), &acknowledged).stop();
    }
}
