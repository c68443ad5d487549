//! Claims while a transaction holds an old snapshot, so that no index entry of an ended job can be removed.

use std::time::Duration;

use underpin_database::{Connections, Executor, Transaction, TxOptions, sql};
use underpin_jobs::conformance::claim;
use underpin_jobs::store::{Finished, Verdict};
use underpin_jobs::{Enqueue, Workers, WorkersDrain};

use crate::support::{Calls, LIMIT, TestDatabase, count, enqueue, quick, until, work};

/// The oldest snapshot of the server, until the transaction ends.
async fn snapshot(database: &TestDatabase) -> Transaction {
    let tx = database.pool.begin(TxOptions::serializable()).await.unwrap();
    tx.query_all(sql("SELECT id FROM underpin_job LIMIT 1", [])).await.unwrap();
    tx
}

async fn number(tx: &Transaction, text: &str) -> i64 {
    tx.query_one(sql(text, [])).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_from_a_place_visits_no_index_entry_before_it() {
    let database = TestDatabase::postgres().await;
    let (jobs, held) = (database.jobs().await, snapshot(&database).await);
    let store = jobs.store();
    enqueue(&jobs, &database.pool, 0..500).await;
    let claimed = claim(&**store, 500).await;
    let ends: Vec<Finished> =
        claimed.iter().map(|claimed| Finished::new(claimed.run, Verdict::Done)).collect();
    assert!(store.finish(&ends).await.unwrap().stale.is_empty());
    enqueue(&jobs, &database.pool, 500..503).await;

    let place = &claimed.last().unwrap().place;
    for (after, most) in [("null", i64::MAX), (place.as_str(), 20)] {
        let tx = database.pool.begin(TxOptions::default()).await.unwrap();
        let visits = "SELECT pg_stat_get_xact_tuples_returned('underpin_job_waiting'::regclass)";
        let before = number(&tx, visits).await;
        let asks = format!(
            r#"[{{"queue": "main", "queue_most": 9, "kind": "work", "version": 1, "most": 9, "horizon_ms": 540000, "after": {after}}}]"#
        );
        let found = "SELECT id FROM underpin_job_take(CAST($1 AS jsonb), 30000, 'test')";
        assert_eq!(tx.query_all(sql(found, [asks.into()])).await.unwrap().len(), 3, "after {after}");
        let visited = number(&tx, visits).await - before;
        assert!(visited <= most && (most < 500 || visited >= 500), "{visited} entries after {after}");
        tx.rollback().await.unwrap();
    }
    held.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_all_priorities_run_beside_a_held_snapshot() {
    let database = TestDatabase::postgres().await;
    let (jobs, calls) = (database.jobs().await, Calls::default());
    let held = snapshot(&database).await;
    let workers = Workers::builder(&jobs).settings(quick()).on(calls.route()).start().unwrap();
    for number in 0..400 {
        // Each ranks before many that have been claimed.
        let how = Enqueue::default().priority(u8::try_from(9 - number % 10).unwrap());
        let how = if number % 7 == 0 { how.after(Duration::from_millis(5)) } else { how };
        jobs.enqueue_committed(&work(number), how).await.unwrap();
    }
    until("all have run", || async { calls.len() == 400 }).await;
    until("all are done", || async { count(&database.pool, "SELECT count(*) FROM underpin_job").await == 0 })
        .await;
    assert!((0..400).all(|number| calls.of(number) == 1));
    held.rollback().await.unwrap();
    assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
}
