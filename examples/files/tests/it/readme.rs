//! The commands of the README and of the tour print what is written there.

use underpin_testkit::{Console, NatsServer};

use crate::BINARY;
use crate::support::start;

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_readme_says_what_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let port = underpin_testkit::free_port().unwrap().to_string();
    // The README starts the service itself, and kills it.
    Console::open(format!("{FOLDER}/README.md"))
        .folder(folder.path())
        .replace("cargo run -q -p files", BINARY)
        .replace("localhost:8080", format!("127.0.0.1:{port}"))
        .env("FILES_HTTP__PORT", &port)
        .env("FILES_SERVICE__ADMIN__ADDRESS", "127.0.0.1:0")
        .run()
        .unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tour_prints_its_transcript() {
    let nats = NatsServer::private().await;
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[("NATS_URL", nats.url())]);
    Console::open(format!("{FOLDER}/demo.console"))
        .replace("localhost:8080", &service.address)
        .env("NATS_URL", nats.url())
        .run()
        .unwrap_or_else(|error| panic!("{error}"));
    service.stop();
}
