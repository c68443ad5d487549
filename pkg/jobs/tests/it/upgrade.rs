//! Tables of older versions that are brought up to date while workers and producers use them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use underpin_database::{Executor, Pool, sql};
use underpin_jobs::{Workers, WorkersDrain};

use crate::support::{Calls, LIMIT, TestDatabase, Work, count, enqueue, jobs, pool, quick, until};

/// As many at least.
const JOBS: u64 = 3000;

/// A worker of the first release, by the statements that it sends.
async fn old_worker(pool: Pool, calls: Calls, is_over: Arc<AtomicBool>) {
    let asks =
        r#"[{"queue":"main","queue_most":20,"kind":"work","version":1,"most":20,"horizon_ms":540000}]"#;
    while !is_over.load(Ordering::SeqCst) {
        let claim = "SELECT id, run, payload FROM underpin_job_claim(CAST($1 AS jsonb), 600000, 'old')";
        let mut ends = Vec::new();
        for row in pool.query_all(sql(claim, [asks.into()])).await.unwrap() {
            let (id, run): (String, i64) =
                (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
            let payload: String = row.try_get_by_index(2).unwrap();
            calls.add(serde_json::from_str::<Work>(&payload).unwrap().number);
            ends.push(
                serde_json::json!({"id": id, "run": run, "verdict": "done", "keep": true, "free": false}),
            );
        }
        let finish = "SELECT id FROM underpin_job_finish(CAST($1 AS jsonb))";
        let ended = pool.query_all(sql(finish, [serde_json::Value::from(ends.clone()).to_string().into()]));
        assert_eq!(ended.await.unwrap().len(), ends.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_of_the_tables_under_load_loses_and_repeats_nothing() {
    let database = TestDatabase::postgres().await;
    // The first version of the tables.
    for text in
        [include_str!("../../src/sql/versions.sql"), include_str!("../../src/sql/jobs_1.postgres.sql")]
    {
        database.pool.batch(text).await.unwrap();
    }
    database.pool.execute(sql("INSERT INTO underpin_jobs_schema (version) VALUES (1)", [])).await.unwrap();
    let (calls, is_over) = (Calls::default(), Arc::new(AtomicBool::new(false)));
    let old = tokio::spawn(old_worker(database.pool.clone(), calls.clone(), Arc::clone(&is_over)));
    let (next, is_upgraded) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let producers: Vec<_> = (0..3)
        .map(|_| {
            let (jobs, pool) = (jobs(&database.pool), database.pool.clone());
            let (next, is_upgraded) = (Arc::clone(&next), Arc::clone(&is_upgraded));
            tokio::spawn(async move {
                // The load lasts for longer than the upgrade.
                while next.load(Ordering::SeqCst) < JOBS || !is_upgraded.load(Ordering::SeqCst) {
                    let first = next.fetch_add(10, Ordering::SeqCst);
                    enqueue(&jobs, &pool, first..first + 10).await;
                }
            })
        })
        .collect();
    until("the old tables are in use", || async { calls.len() >= 100 }).await;
    let replicas = (0..3).map(|_| jobs(&database.pool));
    let upgrades = replicas.map(|jobs| async move { jobs.migrate().await });
    for upgraded in futures_util::future::join_all(upgrades).await {
        upgraded.unwrap();
    }
    let url = database.postgres.as_ref().unwrap().url();
    let mut workers = Vec::new();
    for _ in 0..2 {
        let jobs = jobs(&pool(url).await);
        workers.push(Workers::builder(&jobs).settings(quick()).on(calls.route()).start().unwrap());
    }
    is_upgraded.store(true, Ordering::SeqCst);
    for producer in producers {
        producer.await.unwrap();
    }
    let enqueued = next.load(Ordering::SeqCst);
    let left = "SELECT count(*) FROM underpin_job";
    until("all have run", || async {
        calls.len() as u64 == enqueued && count(&database.pool, left).await == 0
    })
    .await;
    is_over.store(true, Ordering::SeqCst);
    old.await.unwrap();
    assert!((0..enqueued).all(|number| calls.of(number) == 1));
    let done = "SELECT count(*) FROM underpin_job_history WHERE state = 'done'";
    assert_eq!(u64::try_from(count(&database.pool, done).await).unwrap(), enqueued);
    let fresh = TestDatabase::postgres().await;
    fresh.jobs().await;
    let version = "SELECT max(version)::bigint FROM underpin_jobs_schema";
    assert_eq!(count(&database.pool, version).await, count(&fresh.pool, version).await);
    for workers in workers {
        assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
    }
}
