use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use underpin_testkit::{PostgresServer, PrometheusServer, eventually};

use crate::expressions::{self, Expression};
use crate::fixture::{self, EXPORTERS, Servers};
use crate::scene::Scene;
use crate::support::{LIMIT, Service, pause, tea};

/// How long series may take to appear once everything has happened.
const SETTLE: Duration = Duration::from_secs(60);

/// A small pool and short limits, so that an outage shows within seconds, and a collector that is away.
const SETTINGS: [(&str, &str); 6] = [
    ("ORDERS_DATABASE__MAX_OPEN", "2"),
    ("ORDERS_DATABASE__ACQUIRE_TIMEOUT", "500ms"),
    ("ORDERS_HTTP__REQUEST_TIMEOUT", "1s"),
    ("ORDERS_TELEMETRY__METRICS__UPKEEP", "1s"),
    ("ORDERS_TELEMETRY__OTLP__ENDPOINT", "http://127.0.0.1:9"),
    ("ORDERS_TELEMETRY__OTLP__GIVE_UP_AFTER", "0s"),
];

fn config(orders: &str, fixture: SocketAddr) -> String {
    let rules: Vec<_> = expressions::rule_files();
    let job = |name: &str, target: &str, path: &str| {
        format!(
            "  - {{job_name: {name}, metrics_path: {path}, static_configs: [{{targets: ['{target}']}}]}}\n"
        )
    };
    let mut jobs = job("orders", orders, "/metrics");
    let fixture = fixture.to_string();
    jobs += &job("fixture", &fixture, "/metrics");
    jobs.extend(EXPORTERS.iter().map(|exporter| job(exporter.name, &fixture, &exporter.path())));
    format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: {rules:?}\nscrape_configs:\n{jobs}"
    )
}

/// Ends the load, also after a failed assertion.
struct Ends<'s>(&'s AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Requests of every sort until `stop`; counts the answers with a 5xx.
fn load(service: &Service, stop: &AtomicBool, failures: &AtomicUsize) {
    while !stop.load(Ordering::SeqCst) {
        let replies = [
            service.post("/orders", &[], &tea("ada")),
            service.get("/orders?customer=ada"),
            service.get("/stats"),
            service.get("/nowhere"),
        ];
        failures.fetch_add(replies.iter().filter(|reply| reply.status >= 500).count(), Ordering::SeqCst);
        pause();
    }
}

/// Everything that panels about failures show: a database that does not answer, one that dies, a broker that dies.
async fn outages(scene: &Scene<PostgresServer>, service: &Service, failures: &AtomicUsize) {
    let seen = failures.load(Ordering::SeqCst);
    scene.database.pause().await;
    eventually(LIMIT, "requests that fail", async || failures.load(Ordering::SeqCst) > seen + 8).await;
    scene.database.resume().await;
    service.ready_until(|reply| reply.status == 200);
    scene.database.kill().await;
    service.ready_until(|reply| reply.status == 503);
    scene.database.start().await;
    service.ready_until(|reply| reply.status == 200);
    scene.nats.kill().await;
    service.ready_until(|reply| reply.json()["status"] == "degraded");
    scene.nats.restart().await;
    service.ready_until(|reply| reply.json()["status"] == "up");
}

/// Whether Prometheus has a series for it, which must at least parse.
async fn has_series(prometheus: &PrometheusServer, expression: &Expression) -> bool {
    let answer: Value = serde_json::from_str(&prometheus.query(&expression.asked).await).unwrap();
    assert_eq!(answer["status"], "success", "{expression:?}: {answer}");
    answer["data"]["result"].as_array().is_some_and(|series| !series.is_empty())
}

/// Asks until each has a series; returns those that never had one.
async fn without_series(prometheus: &PrometheusServer, mut left: Vec<Expression>) -> Vec<Expression> {
    let began = Instant::now();
    while !left.is_empty() && began.elapsed() < SETTLE {
        let mut still = Vec::new();
        for expression in left {
            if !has_series(prometheus, &expression).await {
                still.push(expression);
            }
        }
        left = still;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    left
}

#[test]
fn every_query_of_panels_and_rules_returns_a_series_while_orders_runs_under_load() {
    let scene = Scene::set_with_a_server();
    let service = scene.start_with(&SETTINGS);
    let (stop, failures) = (AtomicBool::new(false), AtomicUsize::new(0));
    let left = std::thread::scope(|scope| {
        let _ends = Ends(&stop);
        (0..4).for_each(|_| drop(scope.spawn(|| load(&service, &stop, &failures))));
        let mut left = Vec::new();
        let servers = Servers { database: scene.url.clone(), nats: scene.nats.url().to_owned() };
        scene.wait(fixture::run(servers, async |fixture| {
            let prometheus = PrometheusServer::start(&config(&service.admin, fixture)).await;
            outages(&scene, &service, &failures).await;
            left = without_series(&prometheus, expressions::all()).await;
        }));
        left
    });
    let left: Vec<String> =
        left.iter().map(|silent| format!("{}: {}", silent.from, silent.written)).collect();
    assert!(left.is_empty(), "without a series: provoke one here or in the fixture: {left:#?}");
    service.stop();
}
