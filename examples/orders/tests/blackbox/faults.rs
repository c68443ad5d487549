//! Servers that are not there, or go away, while the orders service runs.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::scene::Scene;
use crate::support::{LIMIT, pause, tea};
use rustix::process::Signal;
use serde_json::json;

#[test]
fn a_database_that_comes_up_3_s_late_is_waited_for() {
    let scene = Scene::set_with_a_server();
    scene.wait(scene.database.stop());
    std::thread::scope(|scope| {
        let start = scope.spawn(|| scene.start());
        // Not a wait for something: the three seconds are the fault.
        scene.wait(async { tokio::time::sleep(Duration::from_secs(3)).await });
        scene.wait(scene.database.start());
        let up = Instant::now();
        let service = start.join().unwrap();
        println!("listening {:?} after the database was up", up.elapsed());
        let ready = service.ready_until(|reply| reply.status == 200);
        assert_eq!(ready.json()["components"]["database"]["status"], "up");
        assert_eq!(service.post("/orders", &[], &tea("ada")).status, 201);
        service.get_until("/stats", |stats| stats.json()["orders_placed"] == 1);
        service.stop();
    });
}

#[test]
fn a_database_that_dies_is_a_503_that_tells_nothing_and_the_service_goes_on_when_it_is_back() {
    let scene = Scene::set_with_a_server();
    let service = scene.start();
    assert_eq!(service.post("/orders", &[], &tea("ada")).status, 201);
    service.get_until("/stats", |stats| stats.json()["orders_placed"] == 1);

    scene.wait(scene.database.kill());
    let refused = service.post("/orders", &[("idempotency-key", "k-1")], &tea("ada"));
    let problem = refused.problem(503, "UNAVAILABLE");
    assert!(problem["errors"].is_null() && !refused.body.contains("127.0.0.1"), "{problem}");
    let ready = service.ready_until(|reply| reply.status == 503).json();
    assert_eq!(ready["components"]["database"]["status"], "down", "{ready}");
    assert_eq!(service.probe("/health/live").status, 200);

    scene.wait(scene.database.start());
    service.ready_until(|reply| reply.status == 200);
    let placed = service.post("/orders", &[("idempotency-key", "k-1")], &tea("ada"));
    assert_eq!(placed.status, 201, "{placed:?}\n{}", service.log);
    service.get_until("/stats", |stats| stats.json() == json!({"orders_placed": 2, "revenue_cents": 1400}));
    service.stop();
}

#[test]
fn nats_restarted_under_load_loses_no_accepted_order_and_counts_none_twice() {
    let scene = Scene::set();
    let service = scene.start();

    let (accepted, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let load = |worker: usize| {
        let mut mine = HashSet::new();
        while !stop.load(Ordering::SeqCst) {
            let reply = service.post("/orders", &[], &tea(&format!("customer-{worker}")));
            assert_eq!(reply.status, 201, "orders are accepted while NATS is away: {reply:?}");
            mine.insert(reply.json()["id"].to_string());
            accepted.fetch_add(1, Ordering::SeqCst);
        }
        mine
    };
    let orders: HashSet<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|worker| scope.spawn(move || load(worker))).collect();
        let more = |count| {
            let goal = accepted.load(Ordering::SeqCst) + count;
            let start = Instant::now();
            while accepted.load(Ordering::SeqCst) < goal {
                assert!(start.elapsed() < LIMIT, "the load has stopped");
                pause();
            }
        };
        for _ in 0..2 {
            more(100);
            scene.wait(scene.nats.kill());
            let ready = service.ready_until(|reply| reply.json()["status"] == "degraded");
            assert_eq!(
                (ready.status, &ready.json()["components"]["events"]["status"]),
                (200, &json!("down"))
            );
            more(100);
            scene.wait(scene.nats.restart());
        }
        more(100);
        stop.store(true, Ordering::SeqCst);
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });

    let count = orders.len();
    let wanted = json!({"orders_placed": count, "revenue_cents": count * 700});
    service.get_until("/stats", |stats| stats.json()["orders_placed"].as_u64() >= Some(count as u64));
    assert_eq!(service.get("/stats").json(), wanted);
    // One order later every event before it has come again that ever will.
    service.post("/orders", &[], &tea("last"));
    service.get_until("/stats", |stats| stats.json()["orders_placed"] == count + 1);
    service.ready_until(|reply| reply.json()["status"] == "up");
    println!("{count} orders accepted over two kills of NATS, each counted once");
    service.stop();
}

#[test]
fn a_service_killed_with_events_on_their_way_counts_every_order_once_after_its_next_start() {
    const ORDERS: usize = 200;
    let scene = Scene::set();

    let service = scene.start();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let service = &service;
            scope.spawn(move || {
                for number in 0..ORDERS / 4 {
                    // A caller who is refused because the machine is busy asks again under the same key.
                    let (key, start) = (format!("{worker}-{number}"), Instant::now());
                    while service.post("/orders", &[("idempotency-key", &key)], &tea("ada")).status != 201 {
                        assert!(start.elapsed() < LIMIT, "order {key} is never accepted: {}", service.log);
                    }
                }
            });
        }
    });
    let counted = service.get("/stats").json()["orders_placed"].as_u64().unwrap();
    service.signal(Signal::KILL);
    drop(service);

    // What the relay of the killed process held is free again after the lease of the outbox, 15 seconds.
    let service = scene.start();
    service.get_until("/stats", |stats| stats.json()["orders_placed"].as_u64() >= Some(ORDERS as u64));
    assert_eq!(service.post("/orders", &[], &tea("last")).status, 201);
    let wanted = json!({"orders_placed": ORDERS + 1, "revenue_cents": (ORDERS + 1) * 700});
    service.get_until("/stats", |stats| stats.json()["orders_placed"].as_u64() > Some(ORDERS as u64));
    assert_eq!(service.get("/stats").json(), wanted);
    println!("killed with {counted} of {ORDERS} orders counted, each of them counted once in the end");
    service.stop();
}
