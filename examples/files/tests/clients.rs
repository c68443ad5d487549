//! The Node.js client against the service on real NATS: `cargo xtask test --with clients -p files`.

use std::path::Path;

use underpin_testkit::{NatsServer, Packages, ServiceProcess};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_client_passes_its_tests() {
    let nats = NatsServer::private().await;
    let folder = tempfile::tempdir().unwrap();
    let binary = env!("CARGO_BIN_EXE_files");
    let service = ServiceProcess::start(binary, folder.path(), &[("NATS_URL", nats.url())]);
    let url = format!("http://{}", service.address);
    let variables = [("NATS_URL", nats.url()), ("SERVICE_URL", &url)];
    let node = Packages::node(Path::new(env!("CARGO_MANIFEST_DIR")).join("node"));
    let tested = node.run(&["--test", "tests/clients.test.mjs"], &variables);
    println!("{}", tested.unwrap_or_else(|error| panic!("{error}\n{}", service.log)));
    let shown = node.run(&["demo.mjs"], &variables);
    let shown = shown.unwrap_or_else(|error| panic!("{error}\n{}", service.log));
    for text in ["stored user1.json", "stored user1.zip", "deleted user1.json", "INVALID_FILENAME"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    service.stop();
}
