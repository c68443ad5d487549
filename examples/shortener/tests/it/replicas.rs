//! Two processes on PostgreSQL, NATS and Valkey.

use underpin_testkit::{NatsServer, PostgresDatabase, ServiceProcess, ValkeyServer};

use crate::{shorten, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_share_links_clicks_and_limits() {
    let (database, nats) = (PostgresDatabase::fresh().await, NatsServer::private().await);
    let valkey = ValkeyServer::private().await;
    let folder = tempfile::tempdir().unwrap();
    let variables = [
        ("DATABASE_URL", database.url()),
        ("NATS_URL", nats.url()),
        ("VALKEY_URL", valkey.url()),
        ("SHORTENER_LIMITS__CREATE__LIMIT", "2"),
        ("SHORTENER_LIMITS__CREATE__WINDOW", "1h"),
    ];
    let (first, second) = (start(folder.path(), &variables), start(folder.path(), &variables));
    assert_eq!((shorten(&first, "shared").status, shorten(&second, "shared").status), (201, 200));
    assert_eq!(shorten(&first, "third").status, 429);
    let clicks = |service: &ServiceProcess, clicks: u64| {
        service.get_until("/api/v1/stats/shared", |reply| reply.json()["clicks"] == clicks);
    };
    for (service, count) in [(&first, 1), (&second, 2)] {
        assert_eq!(service.get("/shared").status, 302);
        clicks(&second, count);
    }
    // What it had taken and not finished is counted by the other one.
    for _ in 0..20 {
        assert_eq!(first.get("/shared").status, 302);
    }
    first.kill();
    clicks(&second, 22);
    second.stop();
}
