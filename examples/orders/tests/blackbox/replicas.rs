//! Two processes of the orders service on one PostgreSQL and one NATS.

use std::sync::Barrier;

use crate::scene::Scene;
use crate::support::{Reply, Service, tea};
use serde_json::json;

#[test]
fn requests_that_race_under_one_key_on_two_replicas_place_one_order() {
    let scene = Scene::set();
    // Started at the same time, so that they also race to create the tables.
    let replicas: Vec<Service> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..2).map(|_| scope.spawn(|| scene.start())).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });

    const ROUNDS: usize = 10;
    for round in 0..ROUNDS {
        let (start, key) = (Barrier::new(8), format!("round-{round}"));
        let replies: Vec<Reply> = std::thread::scope(|scope| {
            let (start, key, replicas) = (&start, &key, &replicas);
            let race = |racer: usize| {
                move || {
                    start.wait();
                    replicas[racer % 2].post("/orders", &[("idempotency-key", key)], &tea("ada"))
                }
            };
            let racers: Vec<_> = (0..8).map(|racer| scope.spawn(race(racer))).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        for reply in &replies {
            assert_eq!((reply.status, reply.json()), (201, replies[0].json()));
        }
        let placed = replies.iter().filter(|reply| reply.header("idempotency-replayed").is_none()).count();
        assert_eq!(placed, 1, "exactly one of them placed it: {replies:?}");
    }

    let wanted = json!({"orders_placed": ROUNDS, "revenue_cents": ROUNDS * 700});
    for replica in &replicas {
        replica.get_until("/stats", |stats| stats.json() == wanted);
    }
    let counted =
        |lines: Vec<serde_json::Value>| lines.iter().filter(|line| line["msg"] == "order counted").count();
    let counted: usize = replicas.into_iter().map(|replica| counted(replica.stop())).sum();
    assert_eq!(counted, ROUNDS, "each event had its effect once, on whichever replica");
}
