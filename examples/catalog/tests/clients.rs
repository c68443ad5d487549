//! A Python client against the service on real NATS: `cargo xtask test --with clients -p catalog`.

use std::path::Path;

use underpin_testkit::{NatsServer, Packages, ServiceProcess};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_python_client_calls_the_service() {
    let nats = NatsServer::private().await;
    let folder = tempfile::tempdir().unwrap();
    let variables = [("NATS_URL", nats.url())];
    let service = ServiceProcess::start(env!("CARGO_BIN_EXE_catalog"), folder.path(), &variables);
    let python = Packages::python(Path::new(env!("CARGO_MANIFEST_DIR")).join("python"));
    let tested = python.run(&["-m", "pytest", "-q", "-p", "no:cacheprovider"], &variables);
    println!("{}", tested.unwrap_or_else(|error| panic!("{error}\n{}", service.log)));
    service.stop();
}
