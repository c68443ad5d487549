//! Drain, deploys with two versions, and connections that are lost.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use underpin_database::{DatabaseError, Executor, sql};
use underpin_errors::{HealthCheck, HealthStatus};
use underpin_jobs::{
    Enqueue, Job, JobOptions, JobOutcome, JobRun, JobState, Workers, WorkersDrain, typed_job, typed_job_with,
};

use crate::support::{Calls, LIMIT, Slow, TestDatabase, Work, count, enqueue, pool, quick, state, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_gives_back_what_does_not_end() {
    for database in [TestDatabase::postgres().await, TestDatabase::sqlite().await] {
        let jobs = database.jobs().await;
        let (started, gate) = (Calls::default(), Arc::new(Semaphore::new(0)));
        let handler = async |(started, gate): (Calls, Arc<Semaphore>), work: Work, run: JobRun| {
            started.add(work.number);
            if work.number == 0 {
                run.draining().await;
                return Ok(JobOutcome::snooze(Duration::ZERO));
            }
            drop(gate.acquire().await);
            Ok(JobOutcome::Done)
        };
        let route = typed_job_with((started.clone(), Arc::clone(&gate)), handler);
        let workers = Workers::builder(&jobs).settings(quick()).on(route).start().unwrap();
        let ids = enqueue(&jobs, &database.pool, 0..4).await;
        until("all run", || async { started.len() == 4 }).await;
        assert_eq!(workers.drain(Duration::from_secs(5)).await, WorkersDrain::GaveBack { jobs: 3 });
        for id in ids {
            let status = jobs.get(id).await.unwrap().unwrap();
            assert_eq!(
                (status.state, status.attempt),
                (JobState::Waiting, 0),
                "at once, and without an attempt"
            );
        }
    }
}

#[derive(Serialize, Deserialize)]
struct NewWork;

impl Job for NewWork {
    const KIND: &'static str = "work";
    const VERSION: u32 = 2;

    fn options() -> JobOptions {
        JobOptions::default().queue("main")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_and_new_binaries_work_side_by_side() {
    let database = TestDatabase::postgres().await;
    let (jobs, calls) = (database.jobs().await, Calls::default());
    let old = Workers::builder(&jobs).settings(quick()).on(calls.route()).start().unwrap();
    let newer = jobs.enqueue_committed(&NewWork, Enqueue::default()).await.unwrap().id();
    let unknown = jobs.enqueue_committed(&Slow, Enqueue::default()).await.unwrap().id();
    enqueue(&jobs, &database.pool, 0..5).await;
    until("the old jobs ran", || async { calls.len() == 5 }).await;
    assert_eq!(
        (state(&jobs, newer).await, state(&jobs, unknown).await),
        (Some(JobState::Waiting), Some(JobState::Waiting))
    );
    let queues = jobs.queues().await.unwrap();
    assert!(
        queues.iter().any(|status| (status.kind.as_str(), status.version, status.ready) == ("work", 2, 1))
    );
    let reads_both = typed_job(async |_: NewWork, _: JobRun| Ok(JobOutcome::Done));
    let slow = typed_job(async |_: Slow, _: JobRun| Ok(JobOutcome::Done));
    let other = pool(database.postgres.as_ref().unwrap().url()).await;
    let there = crate::support::jobs(&other);
    let new = Workers::builder(&there).settings(quick()).on(reads_both).on(slow).start().unwrap();
    for id in [newer, unknown] {
        until("the new binary runs it", || async { state(&jobs, id).await == Some(JobState::Done) }).await;
    }
    assert_eq!(
        (old.drain(LIMIT).await, new.drain(LIMIT).await),
        (WorkersDrain::Drained, WorkersDrain::Drained)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_pool_connection_is_only_an_outage() {
    let database = TestDatabase::postgres().await;
    let (jobs, calls) = (database.jobs().await, Calls::default());
    let workers = Workers::builder(&jobs).settings(quick()).on(calls.route()).start().unwrap();
    let admin = pool(database.postgres.as_ref().unwrap().url()).await;
    for round in 0..5 {
        enqueue(&jobs, &admin, round * 20..round * 20 + 20).await;
        let text = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                    WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let killed: Result<_, DatabaseError> = admin.query_one(sql(text, [])).await;
        killed.unwrap();
    }
    until("all ran", || async { calls.len() == 100 }).await;
    until("all are done", || async { count(&admin, "SELECT count(*) FROM underpin_job").await == 0 }).await;
    until("it is well", || async { workers.check().await.status == HealthStatus::Up }).await;
    assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
}
