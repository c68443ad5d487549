//! Two processes on PostgreSQL and NATS.

use serde_json::json;
use underpin_testkit::{NatsServer, PostgresDatabase};

use crate::jobs::{enqueue, image, progress_until};
use crate::start;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_finishes_the_job_of_one_that_was_killed() {
    let (database, nats) = (PostgresDatabase::fresh().await, NatsServer::private().await);
    let folder = tempfile::tempdir().unwrap();
    let variables = [
        ("DATABASE_URL", database.url()),
        ("NATS_URL", nats.url()),
        ("WORKERS_SIMULATION__STEP", "1s"),
        ("WORKERS_JOBS__LEASE", "5s"),
    ];
    let first = start(folder.path(), &variables);
    let (path, mut seen) = (enqueue(&first, &image()), Vec::new());
    progress_until(&first, &path, &mut seen, |job| job["progress"]["done"].as_u64() >= Some(3));
    let second = start(folder.path(), &variables);
    // Both take calls and mails: they share a queue group.
    let sum = second.post("/api/v1/calculations", &[], &json!({"operation": "add", "a": 1, "b": 2}));
    assert_eq!(sum.json()["result"], 3.0);
    first.kill();
    let job = progress_until(&second, &path, &mut seen, |job| job["status"] == "completed");
    assert_eq!(job["progress"], json!({"done": 10, "total": 10}));
    second.stop();
}
