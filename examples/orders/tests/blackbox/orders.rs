//! Placing and listing orders.

use std::sync::Barrier;

use serde_json::{Value, json};

use super::service;
use super::support::{Reply, Service, tea};

#[test]
fn an_order_is_placed_and_found() {
    let (_folder, service) = service();
    let placed = service.post("/orders", &[], &tea("ada"));
    assert_eq!(placed.status, 201, "{placed:?}");
    assert_eq!(placed.header("content-type"), Some("application/json"));
    let order = placed.json();
    let id = order["id"].as_str().unwrap();
    assert_eq!(placed.header("location"), Some(format!("/orders/{id}").as_str()));
    let placed_at = order["placed_at"].as_str().unwrap();
    assert_eq!(
        order,
        json!({
            "id": id, "customer": "ada", "items": [{"sku": "tea", "quantity": 2, "unit_price_cents": 350}],
            "total_cents": 700, "status": "placed", "placed_at": placed_at,
        })
    );
    assert!(
        placed_at.len() >= 20 && placed_at.ends_with('Z') && placed_at.as_bytes()[10] == b'T',
        "{placed_at}"
    );

    let found = service.get(placed.header("location").unwrap());
    assert_eq!((found.status, found.json()), (200, order));
    service.stop();
}

#[test]
fn the_projection_follows_the_events() {
    let (_folder, service) = service();
    assert_eq!(service.get("/stats").json(), json!({"orders_placed": 0, "revenue_cents": 0}));
    for _ in 0..5 {
        assert_eq!(service.post("/orders", &[], &tea("ada")).status, 201);
    }
    let wanted = json!({"orders_placed": 5, "revenue_cents": 3500});
    service.get_until("/stats", |stats| stats.json() == wanted);
    service.stop();
}

#[test]
fn a_repeat_under_the_same_key_is_the_same_order_and_no_second_event() {
    let (_folder, service) = service();
    let key = [("idempotency-key", "k-1")];
    let first = service.post("/orders", &key, &tea("ada"));
    let again = service.post("/orders", &key, &tea("ada"));
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None));
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
    assert_eq!(again.json(), first.json());
    assert_eq!(again.header("location"), first.header("location"));

    let other = service.post("/orders", &key, &tea("bob"));
    other.problem(409, "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(other.places(), ["Idempotency-Key"]);

    // Events keep their order here: once the one of a later order has had its effect, a second one would have had it too.
    service.post("/orders", &[], &tea("ada"));
    service.get_until("/stats", |stats| stats.json()["orders_placed"] == 2);
    service.stop();
}

#[test]
fn requests_that_race_under_one_key_place_one_order() {
    let (_folder, service) = service();
    let start = Barrier::new(8);
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let race = || {
            start.wait();
            service.post("/orders", &[("idempotency-key", "race")], &tea("ada"))
        };
        let racers: Vec<_> = (0..8).map(|_| scope.spawn(race)).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    for reply in &replies {
        assert_eq!((reply.status, reply.json()), (201, replies[0].json()));
    }
    let new = replies.iter().filter(|reply| reply.header("idempotency-replayed").is_none()).count();
    assert_eq!(new, 1, "exactly one of them placed it");
    service.post("/orders", &[], &tea("ada"));
    service.get_until("/stats", |stats| stats.json()["orders_placed"] == 2);
    service.stop();
}

#[test]
fn orders_are_listed_newest_first_page_by_page() {
    let (_folder, service) = service();
    for customer in ["ada", "bob", "ada", "ada", "bob", "ada"] {
        assert_eq!(service.post("/orders", &[], &tea(customer)).status, 201);
    }
    assert_eq!(pages(&service, "/orders?limit=4").concat().len(), 6);
    let pages = pages(&service, "/orders?customer=ada&limit=3");
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1]);
    let orders = pages.concat();
    assert!(orders.iter().all(|order| order["customer"] == "ada"));
    let times: Vec<_> = orders.iter().map(|order| order["placed_at"].as_str().unwrap().to_owned()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
    let ids: std::collections::HashSet<_> = orders.iter().map(|order| order["id"].to_string()).collect();
    assert_eq!(ids.len(), 4, "no order is shown twice");

    let everything = service.get("/orders").json();
    assert_eq!(everything["orders"].as_array().map(Vec::len), Some(6));
    assert_eq!(everything["next_cursor"], Value::Null);
    assert_eq!(service.get("/orders?customer=nobody").json(), json!({"orders": [], "next_cursor": null}));
    service.stop();
}

fn pages(service: &Service, path: &str) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = service.get(&format!("{path}{cursor}"));
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        pages.push(page["orders"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { return pages };
        cursor = format!("&cursor={next}");
    }
}
