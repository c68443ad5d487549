//! The commands of the README and of the tour print what is written there.

use underpin_testkit::{Console, NatsServer, Program, Server, ValkeyServer};

use crate::{BINARY, start};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_readme_says_what_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let valkey = underpin_testkit::free_port().unwrap().to_string();
    let program = Program::find(Server::Valkey).unwrap_or_else(|error| panic!("{error}"));
    // The README starts the service and Valkey itself, and kills them.
    Console::of_binary(format!("{FOLDER}/README.md"), BINARY, folder.path())
        .unwrap()
        .replace("valkey-server", program.binary().to_string_lossy())
        .replace("6379", &valkey)
        // Reads are repeated until they print what is documented.
        .env("SHORTENER_LIMITS__READ__LIMIT", "1000000")
        .run()
        .unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tour_prints_its_transcript() {
    let (nats, valkey) = (NatsServer::private().await, ValkeyServer::private().await);
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[("NATS_URL", nats.url()), ("VALKEY_URL", valkey.url())]);
    Console::of_service(format!("{FOLDER}/demo.console"), &service)
        .run()
        .unwrap_or_else(|error| panic!("{error}"));
    service.stop();
}
