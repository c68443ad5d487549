//! Workers in processes that are frozen, abort, and die at random.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use underpin_database::{DatabaseSettings, Executor, Pool, connect, sql};
use underpin_jobs::{Enqueue, JobState, Jobs, JobsSettings};
use underpin_logger::NoopLogger;
use underpin_testkit::{PostgresDatabase, eventually};
use underpin_tests::jobs_chaos::{JobsChaos, JobsProcess, JobsTask, Poison, TransferJob, tables};

pub(crate) const LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_chaos-jobs"))
}

pub(crate) async fn database() -> (PostgresDatabase, Pool, Jobs, JobsTask) {
    let database = PostgresDatabase::fresh().await;
    let pool = connect(&DatabaseSettings::new(database.url()), Arc::new(NoopLogger)).await.unwrap();
    let jobs = Jobs::new(&pool, JobsSettings::default().database_timeout(LIMIT)).unwrap();
    tables(&pool, &jobs).await.unwrap();
    let task = JobsTask::new(database.url(), 2000);
    (database, pool, jobs, task)
}

pub(crate) async fn count(pool: &Pool, text: &str) -> i64 {
    pool.query_one(sql(text, [])).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_was_frozen_for_longer_than_its_lease_ends_nothing() {
    let (_database, pool, jobs, task) = database().await;
    let frozen = JobsProcess::start(program(), task.clone()).unwrap();
    let transfer = TransferJob { number: 1, work_ms: 1000 };
    let id = jobs.enqueue_committed(&transfer, Enqueue::default()).await.unwrap().id();
    eventually(LIMIT, "it runs", async || {
        jobs.get(id).await.unwrap().is_some_and(|status| status.state == JobState::Running)
    })
    .await;
    frozen.freeze().unwrap();
    let other = JobsProcess::start(program(), task).unwrap();
    eventually(LIMIT, "the other process has done it", async || {
        jobs.get(id).await.unwrap().is_some_and(|status| status.state == JobState::Done)
    })
    .await;
    let attempt = jobs.get(id).await.unwrap().unwrap().attempt;
    assert!(attempt >= 2);
    frozen.resume().unwrap();
    // The frozen process works again: it takes jobs while the other one is frozen.
    other.freeze().unwrap();
    let next = TransferJob { number: 2, work_ms: 0 };
    let next = jobs.enqueue_committed(&next, Enqueue::default()).await.unwrap().id();
    eventually(LIMIT, "the first process is back", async || {
        jobs.get(next).await.unwrap().is_some_and(|status| status.state == JobState::Done)
    })
    .await;
    assert_eq!(
        count(&pool, "SELECT count(*) FROM effect WHERE number = 1").await,
        1,
        "its effect was rolled back"
    );
    assert_eq!(jobs.get(id).await.unwrap().unwrap().attempt, attempt, "and its end changed nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_kills_its_process_dies_and_the_others_run() {
    let (_database, pool, jobs, task) = database().await;
    let poison = jobs.enqueue_committed(&Poison, Enqueue::default()).await.unwrap().id();
    for number in 0..50 {
        jobs.enqueue_committed(&TransferJob { number, work_ms: 1 }, Enqueue::default()).await.unwrap();
    }
    let mut worker = JobsProcess::start(program(), task).unwrap();
    eventually(LIMIT, "the poison is dead", || {
        worker.start_again().unwrap();
        async { jobs.get(poison).await.unwrap().is_some_and(|status| status.state == JobState::Dead) }
    })
    .await;
    let status = jobs.get(poison).await.unwrap().unwrap();
    assert_eq!(
        (status.attempt, status.reason.as_deref()),
        (4, Some("lost")),
        "three rescues, and the last attempt"
    );
    worker.start_again().unwrap();
    eventually(LIMIT, "the others have run", async || {
        count(&pool, "SELECT count(*) FROM effect").await == 50
    })
    .await;
    assert_eq!(count(&pool, "SELECT count(DISTINCT number) FROM effect").await, 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_minute_of_faults_breaks_no_promise() {
    let chaos = JobsChaos {
        program: program().to_owned(),
        length: Duration::from_secs(30),
        seed: 20,
        gap: Duration::from_secs(2),
        rate: 40,
    };
    let report = chaos.run().await.unwrap();
    assert!(report.violations.is_empty(), "{report:#?}");
    assert!(report.effects == report.committed && report.rolled_back > 0, "{report:#?}");
}
