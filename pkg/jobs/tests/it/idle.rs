//! What workers without work cost the server.

use std::time::Duration;

use underpin_database::{Executor, sql};
use underpin_jobs::{Workers, WorkersDrain, WorkersSettings};

use crate::support::{Calls, LIMIT, TestDatabase, count, enqueue, until};

#[tokio::test(flavor = "multi_thread")]
async fn workers_without_work_send_less_than_a_statement_a_second_and_hold_one_connection() {
    let (database, other) = (TestDatabase::postgres().await, TestDatabase::postgres().await);
    let (jobs, calls) = (database.jobs().await, Calls::default());
    let workers =
        Workers::builder(&jobs).settings(WorkersSettings::default()).on(calls.route()).start().unwrap();
    enqueue(&jobs, &database.pool, 0..10).await;
    until("the jobs have run", || async { calls.len() == 10 }).await;
    let name: String = {
        let row = database.pool.query_one(sql("SELECT current_database()::text", [])).await.unwrap();
        row.unwrap().try_get_by_index(0).unwrap()
    };
    // The server counts a statement outside of a transaction as a transaction.
    let text = format!("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = '{name}'");
    let clock = "SELECT extract(epoch FROM clock_timestamp())::bigint";
    until("so few statements come in ten seconds", || async {
        let (sent, began) = (count(&other.pool, &text).await, count(&other.pool, clock).await);
        tokio::time::sleep(Duration::from_secs(10)).await;
        let sent = count(&other.pool, &text).await - sent;
        sent <= count(&other.pool, clock).await - began
    })
    .await;
    until("only the listener has a connection", || async { database.pool.stats().in_use == 1 }).await;
    assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
}
