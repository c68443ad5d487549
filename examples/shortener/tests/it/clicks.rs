//! Clicks: each counts, and none is lost with the process or with the database.

use serde_json::{Value, json};
use underpin_testkit::{HttpExchange, NatsServer, PostgresServer, ServiceProcess};

use crate::{shorten, start};

fn clicks_until(service: &ServiceProcess, code: &str, clicks: u64) -> Value {
    let path = format!("/api/v1/stats/{code}");
    service.get_until(&path, |reply| reply.status == 200 && reply.json()["clicks"] == clicks).json()
}

#[test]
fn a_second_click_of_the_same_visitor_counts() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    shorten(&service, "twice");
    for clicks in 1..=3 {
        // A link preview asks with HEAD, and is no click.
        assert_eq!(service.send("HEAD", "/twice", &[], "").status, 302);
        assert_eq!(service.get("/twice").status, 302);
        let stats = clicks_until(&service, "twice", clicks);
        assert!(stats["last_click_at"].is_string(), "{stats}");
        let minutes = stats["minutes"].as_array().unwrap();
        let sum: u64 = minutes.iter().map(|clicks| clicks.as_u64().unwrap()).sum();
        assert_eq!((minutes.len(), sum), (30, clicks), "{stats}");
    }
    service.get_until("/api/v1/stats", |reply| reply.json()["today"] == json!({"links": 1, "clicks": 3}));
    service.stop();
}

#[test]
fn a_kill_loses_no_link_and_no_click() {
    let folder = tempfile::tempdir().unwrap();
    let variables =
        [("SHORTENER_LIMITS__CREATE__LIMIT", "1000"), ("SHORTENER_LIMITS__REDIRECT__LIMIT", "100000")];
    let service = start(folder.path(), &variables);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let service = &service;
            scope.spawn(move || {
                for number in 0..5 {
                    let code = format!("link-{worker}-{number}");
                    assert_eq!(shorten(service, &code).status, 201);
                    for _ in 0..10 {
                        assert_eq!(service.get(&format!("/{code}")).status, 302);
                    }
                }
            });
        }
    });
    // At once, while the projection is behind.
    service.kill();

    let service = start(folder.path(), &variables);
    for worker in 0..4 {
        for number in 0..5 {
            let code = format!("link-{worker}-{number}");
            clicks_until(&service, &code, 10);
            assert_eq!(service.send("HEAD", &format!("/{code}"), &[], "").status, 302);
        }
    }
    service.get_until("/api/v1/stats", |reply| reply.json()["today"] == json!({"links": 20, "clicks": 200}));
    service.stop();
}

#[test]
fn the_page_hears_of_a_click() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    shorten(&service, "live");
    let mut events = HttpExchange::begin(&service.address, "GET", "/api/v1/events", &[], 0);
    let mut next = || {
        loop {
            if let Some(data) = events.line().strip_prefix("data: ") {
                break serde_json::from_str::<Value>(data).unwrap();
            }
        }
    };
    assert_eq!(next()["links"][0]["clicks"], 0);
    service.get("/live");
    while next()["links"][0]["clicks"] != 1 {}
    drop(events);
    service.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_go_on_without_the_database_and_are_counted_after() {
    let (database, nats) = (PostgresServer::private().await, NatsServer::private().await);
    let folder = tempfile::tempdir().unwrap();
    let variables = [
        ("DATABASE_URL", database.url()),
        ("NATS_URL", nats.url()),
        ("SHORTENER_DATABASE__ACQUIRE_TIMEOUT", "1s"),
    ];
    let service = start(folder.path(), &variables);
    assert_eq!(shorten(&service, "steady").status, 201);
    assert_eq!(service.get("/steady").status, 302);
    clicks_until(&service, "steady", 1);
    database.kill().await;
    for _ in 0..10 {
        assert_eq!(service.get("/steady").status, 302);
    }
    assert_eq!(service.get("/api/v1/stats/steady").status, 503);
    database.start().await;
    clicks_until(&service, "steady", 11);
    service.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_nats_a_redirect_fails_and_works_again_after() {
    let nats = NatsServer::private().await;
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[("NATS_URL", nats.url())]);
    assert_eq!(shorten(&service, "there").status, 201);
    nats.kill().await;
    let refused = service.get_until("/there", |reply| reply.status != 302);
    assert_eq!(refused.status, 503, "{refused:?}");
    nats.restart().await;
    service.get_until("/there", |reply| reply.status == 302);
    service.stop();
}
