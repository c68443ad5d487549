//! The remedies of `ops/runbooks`, tried on real servers.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use rustix::process::Signal;
use underpin_database::{Connections as _, DatabaseSettings, Executor as _, TxOptions, connect, sql};
use underpin_logger::NoopLogger;

use crate::scene::Scene;
use crate::support::{Exchange, LIMIT, Service, command, pause, tea};
use crate::{BINARY, ops};

/// The sum of the series of a metric with these labels.
fn metric(service: &Service, name: &str, labels: &str) -> f64 {
    let text = service.probe("/metrics").body;
    let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(labels));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// Waits until a metric is as wanted.
fn metric_until(service: &Service, name: &str, labels: &str, wanted: impl Fn(f64) -> bool) {
    let start = Instant::now();
    while !wanted(metric(service, name, labels)) {
        assert!(start.elapsed() < LIMIT, "{name} is {}\n{}", metric(service, name, labels), service.log);
        pause();
    }
}

/// Runs a command of the service; returns its exit code and what it printed, complaints included.
fn run(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
    let mut process = command(BINARY, folder, variables);
    let output = process.args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout) + &text(output.stderr))
}

/// The block of code in a runbook.
fn block(runbook: &str, language: &str) -> String {
    let text = fs::read_to_string(ops().join(format!("runbooks/{runbook}.md"))).unwrap();
    let (_, after) = text.split_once(&format!("```{language}\n")).expect("a block");
    after.split_once("```").unwrap().0.to_owned()
}

/// `OutboxQuarantine`.
#[test]
fn events_in_quarantine_are_replayed_once_the_cause_is_fixed_or_discarded() {
    let scene = Scene::set();
    let too_small = scene.start_with(&[("ORDERS_EVENTS__STREAM__MAX_MESSAGE_SIZE", "128B")]);
    for _ in 0..2 {
        assert_eq!(too_small.post("/orders", &[], &tea("ada")).status, 201);
    }
    metric_until(&too_small, "underpin_outbox_quarantined", "", |events| events > 1.0);
    too_small.stop();

    let service = scene.start();
    let variables = scene.variables();
    let listed = run(scene.folder.path(), &variables, &["outbox", "quarantined"]).1;
    let rows: Vec<&str> = listed.lines().skip(1).map(|line| line.split('\t').next().unwrap()).collect();
    let [replayed, discarded] = rows[..] else { panic!("two rows, not {listed}") };
    assert!(listed.contains("order.placed"), "{listed}");
    let said = run(scene.folder.path(), &variables, &["outbox", "replay", replayed]);
    assert_eq!(said, (Some(0), format!("replayed row {replayed}\n")));
    service.get_until("/stats", |stats| stats.json()["orders_placed"] == 1);
    let said = run(scene.folder.path(), &variables, &["outbox", "discard", discarded]);
    assert_eq!(said, (Some(0), format!("discarded row {discarded}\n")));
    metric_until(&service, "underpin_outbox_quarantined", "", |events| events < 0.5);
    service.stop();
}

/// `OutboxStuck`: a broker that is away, and a relay that hangs.
#[test]
fn a_stuck_outbox_catches_up_when_its_broker_is_back_or_another_process_takes_over() {
    let scene = Scene::set();
    let service = scene.start();
    scene.wait(scene.nats.kill());
    service.ready_until(|reply| reply.json()["status"] == "degraded");
    for _ in 0..3 {
        assert_eq!(service.post("/orders", &[], &tea("ada")).status, 201);
    }
    metric_until(&service, "underpin_outbox_waiting", "", |events| events >= 3.0);
    scene.wait(scene.nats.restart());
    service.get_until("/stats", |stats| stats.json()["orders_placed"] == 3);
    metric_until(&service, "underpin_outbox_waiting", "", |events| events < 0.5);

    service.signal(Signal::STOP);
    let other = scene.start();
    assert_eq!(other.post("/orders", &[], &tea("ada")).status, 201);
    other.get_until("/stats", |stats| stats.json()["orders_placed"] == 4);
    service.signal(Signal::KILL);
    other.stop();
}

/// A transaction that another session of this database ends while `meanwhile` runs in it.
async fn is_ended(url: &str, lock: &'static str, meanwhile: impl AsyncFnOnce()) {
    let mut settings = DatabaseSettings::new(url);
    settings.idle_in_transaction_timeout = LIMIT;
    let pool = connect(&settings, Arc::new(NoopLogger)).await.unwrap();
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    tx.execute(sql(lock, [])).await.unwrap();
    meanwhile().await;
    assert!(tx.execute(sql("SELECT 1", [])).await.is_err(), "its session was ended");
}

/// `PoolSaturated` and `MvccHeld`: a lock, and a transaction that stays open, both ended by the statements of the runbooks.
#[test]
fn a_transaction_that_holds_a_lock_or_stays_open_is_ended_and_the_callers_go_on() {
    // Its own server: the statements end transactions of every database.
    let scene = Scene::set_with_a_server();
    let patient = [
        ("ORDERS_DATABASE__MAX_OPEN", "2"),
        ("ORDERS_DATABASE__ACQUIRE_TIMEOUT", "70s"),
        ("ORDERS_HTTP__REQUEST_TIMEOUT", "80s"),
    ];
    let service = scene.start_with(&patient);
    let waiting = "underpin_database_callers_waiting";
    std::thread::scope(|scope| {
        let mut clients = Vec::new();
        scene.wait(async {
            let operator = connect(&DatabaseSettings::new(&scene.url), Arc::new(NoopLogger)).await.unwrap();
            is_ended(&scene.url, "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE", async || {
                let place = || service.post("/orders", &[], &tea("ada")).status;
                clients.extend((0..6).map(|_| scope.spawn(place)));
                metric_until(&service, waiting, "", |callers| callers > 0.0);
                operator.batch(&block("PoolSaturated", "sql")).await.unwrap();
            })
            .await;
            // The next statement ends every open transaction, so theirs must be over.
            assert!(clients.drain(..).all(|client| client.join().unwrap() == 201));
            is_ended(&scene.url, "SELECT 1", async || {
                let at_once = block("MvccHeld", "sql").replace("5 minutes", "0 seconds");
                operator.batch(&at_once).await.unwrap();
            })
            .await;
        });
    });
    metric_until(&service, waiting, "", |callers| callers < 0.5);
    service.stop();
}

/// `HttpLatencyHigh` and `HttpErrorRateHigh`: a lower limit on requests in flight.
#[test]
fn overload_is_refused_at_once_with_a_lower_limit_on_requests_in_flight() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(BINARY, folder.path(), &[("ORDERS_HTTP__MAX_IN_FLIGHT", "1")]);
    let body = tea("ada").to_string();
    let headers = [("content-type", "application/json"), ("expect", "100-continue")];
    let mut slow = Exchange::begin(&service.address, "POST", "/orders", &headers, body.len());
    slow.wait_for_continue();
    assert_eq!(service.get("/stats").status, 503);
    assert!(metric(&service, "underpin_http_requests_shed_total", "") >= 1.0);
    assert_eq!(slow.finish(&body).status, 201);
    assert_eq!(service.get("/stats").status, 200);
    service.stop();
}

/// `ServiceDown`: settings.
#[test]
fn config_check_names_the_settings_that_keep_the_service_down() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = [("ORDERS_HTTP__PORT", "none"), ("ORDERS_SERVICE__STOP_WITHIN", "0s")];
    let (code, said) = run(folder.path(), &wrong, &["config", "check"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("http.port") && said.contains("service.stop_within"), "{said}");
}

/// `TelemetryLosing`: a collector that comes back, and a lower ratio.
#[test]
fn telemetry_is_exported_again_when_the_collector_is_back_and_less_of_it_with_a_lower_ratio() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let variables = [
        ("ORDERS_TELEMETRY__OTLP__ENDPOINT", url.as_str()),
        ("ORDERS_TELEMETRY__OTLP__GIVE_UP_AFTER", "0s"),
        ("ORDERS_TELEMETRY__OTLP__INTERVAL", "50ms"),
    ];
    let service = Service::start(BINARY, folder.path(), &variables);
    service.get("/stats");
    let (dropped, exported) = ("underpin_telemetry_dropped_total", "underpin_telemetry_exported_total");
    metric_until(&service, dropped, "reason=\"unreachable\"", |count| count > 0.0);
    service
        .log
        .wait_for("the loss", |line| line["msg"] == "telemetry is not exported" && line["cause"].is_string());
    std::thread::spawn(move || collect(&TcpListener::bind(("127.0.0.1", port)).unwrap()));
    service.get("/stats");
    metric_until(&service, exported, "traces", |count| count > 0.0);
    service.stop();

    let sampling = [
        ("ORDERS_TELEMETRY__OTLP__SAMPLER", "parentbased_traceidratio"),
        ("ORDERS_TELEMETRY__OTLP__RATIO", "0"),
    ];
    let service = Service::start(BINARY, folder.path(), &[&variables[..], &sampling].concat());
    (0..20).for_each(|_| drop(service.get("/stats")));
    metric_until(&service, exported, "logs", |count| count > 0.0);
    assert!(metric(&service, exported, "traces") < 1.0, "no trace is sampled");
    service.stop();
}

/// A collector that takes everything, one request of each connection.
fn collect(listener: &TcpListener) {
    for stream in listener.incoming().map_while(Result::ok) {
        std::thread::spawn(move || {
            let (mut stream, mut head) = (std::io::BufReader::new(stream), String::new());
            while std::io::BufRead::read_line(&mut stream, &mut head).is_ok_and(|length| length > 2) {}
            let length = head.to_ascii_lowercase();
            let length =
                length.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            drop(stream.read_exact(&mut body));
            drop(
                stream
                    .get_mut()
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
            );
        });
    }
}

/// Every command that a runbook names is one of the service.
#[test]
fn the_commands_in_runbooks_exist() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for file in fs::read_dir(ops().join("runbooks")).unwrap().map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&file).unwrap();
        for line in text.split('`').filter(|code| code.starts_with("SERVICE ")) {
            let words = line
                .split_whitespace()
                .skip(1)
                .filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
            let arguments: Vec<&str> = words.chain(["--help"]).collect();
            // Commands of features that orders has not are those of the other crates' own tests.
            let known = run(folder.path(), &[], &["--help"]).1.contains(arguments[0]);
            if known {
                let (code, said) = run(folder.path(), &[], &arguments);
                assert_eq!(code, Some(0), "{}: {line}: {said}", file.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 4, "{seen}");
}
