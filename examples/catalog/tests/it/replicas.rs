//! Two processes on PostgreSQL, NATS and Valkey.

use serde_json::Value;
use underpin_testkit::{NatsServer, PostgresDatabase, ServiceProcess, ValkeyServer};

use crate::support::{create, start, update};

fn version(service: &ServiceProcess, path: &str) -> Value {
    service.get(path).json()["product"]["version"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_process_hears_of_the_writes_of_the_other() {
    let (database, nats) = (PostgresDatabase::fresh().await, NatsServer::private().await);
    let valkey = ValkeyServer::private().await;
    let folder = tempfile::tempdir().unwrap();
    let variables = [
        ("DATABASE_URL", database.url()),
        ("NATS_URL", nats.url()),
        ("VALKEY_URL", valkey.url()),
        // Only an invalidation ends a value here.
        ("CATALOG_CACHE__TTL", "1h"),
    ];
    let (one, two) = (start(folder.path(), &variables), start(folder.path(), &variables));
    let path = create(&one, "tea", 1);
    for expected in 2..5_i64 {
        for service in [&one, &two] {
            service.get_until(&path, |reply| reply.json()["from_cache"] == true);
        }
        let (writer, reader) = if expected % 2 == 0 { (&one, &two) } else { (&two, &one) };
        update(writer, &path, expected);
        assert_eq!(version(writer, &path), expected, "it reads its own write");
        reader.get_until(&path, |reply| reply.json()["product"]["version"] == expected);
    }

    // Also while Valkey is away: the feed goes over NATS.
    valkey.kill().await;
    update(&one, &path, 5);
    two.get_until(&path, |reply| reply.json()["product"]["version"] == 5);
    let listed =
        |service: &ServiceProcess| service.get("/api/v1/products").json()["products"][0]["version"].clone();
    assert_eq!((listed(&one), listed(&two)), (5.into(), 5.into()));
    one.stop();
    two.stop();
}
