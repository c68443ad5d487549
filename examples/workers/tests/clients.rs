//! The Python clients against the service on real NATS: `cargo xtask test --with clients -p workers`.

use std::path::Path;

use underpin_testkit::{NatsServer, Packages, ServiceProcess};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_clients_pass_their_tests() {
    let nats = NatsServer::private().await;
    let folder = tempfile::tempdir().unwrap();
    // The first payment is charged and not answered.
    let variables = [
        ("NATS_URL", nats.url()),
        ("WORKERS_GATEWAY__HANG_FIRST", "1"),
        ("WORKERS_GATEWAY__TIMEOUT", "500ms"),
    ];
    let service = ServiceProcess::start(env!("CARGO_BIN_EXE_workers"), folder.path(), &variables);
    let url = format!("http://{}", service.address);
    let ledger = folder.path().join("data/gateway.ledger").to_string_lossy().into_owned();
    let variables = [("NATS_URL", nats.url()), ("SERVICE_URL", &url), ("LEDGER", &ledger)];
    let python = Packages::python(Path::new(env!("CARGO_MANIFEST_DIR")).join("python"));
    let tested = python.run(&["-m", "pytest", "-q", "-p", "no:cacheprovider"], &variables);
    println!("{}", tested.unwrap_or_else(|error| panic!("{error}\n{}", service.log)));
    let shown = python.run(&["demo.py", "--url", &url], &variables);
    let shown = shown.unwrap_or_else(|error| panic!("{error}\n{}", service.log));
    assert!(shown.contains("DIVISION_BY_ZERO") && shown.contains("charged once, 999 cents"), "{shown}");
    service.stop();
}
