//! The commands of the README and of the tour print what is written there.

use underpin_testkit::{Console, NatsServer, PostgresDatabase, ValkeyServer};

use crate::support::{BINARY, start};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_readme_says_what_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    // The README starts the service itself, and kills it.
    Console::of_binary(format!("{FOLDER}/README.md"), BINARY, folder.path())
        .unwrap()
        .run()
        .unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tour_prints_its_transcript() {
    let (database, nats) = (PostgresDatabase::fresh().await, NatsServer::private().await);
    let valkey = ValkeyServer::private().await;
    let folder = tempfile::tempdir().unwrap();
    let servers = [("DATABASE_URL", database.url()), ("NATS_URL", nats.url()), ("VALKEY_URL", valkey.url())];
    let service = start(folder.path(), &servers);
    let console = Console::of_service(format!("{FOLDER}/demo.console"), &service);
    let console = servers.into_iter().fold(console, |console, (name, url)| console.env(name, url));
    console.run().unwrap_or_else(|error| panic!("{error}"));
    service.stop();
}
