use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use underpin_errors::{HealthCheck, HealthStatus};
use underpin_testkit::NatsServer;

use crate::support::{connect, eventually, settings, soon};

/// Two servers that do not know of each other, and their names.
async fn two_servers() -> [(NatsServer, &'static str); 2] {
    let start = async |name: &str| NatsServer::private_with(&format!("server_name: {name}")).await;
    [(start("a").await, "a"), (start("b").await, "b")]
}

#[tokio::test]
async fn another_server_takes_over() {
    let [(a, _), (b, _)] = two_servers().await;
    let nats = connect(&settings(&[&a, &b])).await;
    let first = nats.server_info().server_name;
    let (dead, other) = if first == "a" { (&a, "b") } else { (&b, "a") };
    dead.kill().await;
    eventually("it moved", || async { nats.link().up && nats.server_info().server_name == other }).await;
    assert_eq!(nats.link().rebuilds, 0);
    nats.request(nats.client().new_inbox().into(), None, Bytes::new(), soon()).await.unwrap_err();
}

#[tokio::test]
async fn the_first_of_several_servers_may_be_down() {
    let [(a, _), (b, _)] = two_servers().await;
    a.kill().await;
    let nats = connect(&settings(&[&a, &b])).await;
    assert_eq!(nats.server_info().server_name, "b");
}

#[tokio::test]
async fn a_server_that_announces_its_shutdown_is_left_before_it_closes_the_connection() {
    let [(a, _), (b, _)] = two_servers().await;
    let nats = connect(&settings(&[&a, &b])).await;
    let first = nats.server_info().server_name;
    let (leaving, other) = if first == "a" { (&a, "b") } else { (&b, "a") };
    let began = Instant::now();
    leaving.lame_duck().await;
    eventually("it moved", || async { nats.link().up && nats.server_info().server_name == other }).await;
    // The server closes the first connection after its grace period of 10 s.
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(leaving.is_running());
    assert!(!nats.link().lame_duck);
    assert_eq!(nats.check().await.status, HealthStatus::Up);
}

#[tokio::test]
async fn without_another_server_it_stays_and_its_health_says_why() {
    let server = NatsServer::private().await;
    let nats = connect(&settings(&[&server])).await;
    server.lame_duck().await;
    eventually("it is announced", || async { nats.link().lame_duck }).await;
    let health = nats.check().await;
    assert_eq!(health.status, HealthStatus::Degraded);
    assert!(health.reason.unwrap().contains("announced its shutdown"));
}
