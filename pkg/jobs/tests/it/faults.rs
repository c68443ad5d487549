//! A database that is killed, and attempts that are lost.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use underpin_database::{Executor, sql};
use underpin_errors::{HealthCheck, HealthStatus};
use underpin_jobs::{JobOutcome, JobRun, JobState, Workers, WorkersDrain, typed_job_with};
use underpin_testkit::PostgresServer;

use crate::support::{Calls, LIMIT, TestDatabase, Work, count, enqueue, jobs, pool, quick, state, until};

#[tokio::test(flavor = "multi_thread")]
async fn ends_wait_for_a_database_that_was_killed() {
    let server = PostgresServer::private().await;
    let pool = pool(server.url()).await;
    let jobs = jobs(&pool);
    jobs.migrate().await.unwrap();
    let (calls, gate) = (Calls::default(), Arc::new(Semaphore::new(0)));
    let handler = async |(calls, gate): (Calls, Arc<Semaphore>), work: Work, _: JobRun| {
        calls.add(work.number);
        drop(gate.acquire().await);
        Ok(JobOutcome::Done)
    };
    let route = typed_job_with((calls.clone(), Arc::clone(&gate)), handler);
    let settings = quick().lease(Duration::from_secs(600));
    let workers = Workers::builder(&jobs).settings(settings).on(route).start().unwrap();
    let ids = enqueue(&jobs, &pool, 0..4).await;
    until("all run", || async { calls.len() == 4 }).await;
    server.kill().await;
    gate.add_permits(1000);
    until("it is unwell", || async { workers.check().await.status == HealthStatus::Degraded }).await;
    server.start().await;
    for id in ids {
        until("it is done", || async {
            jobs.get(id).await.is_ok_and(|s| s.is_some_and(|s| s.state == JobState::Done))
        })
        .await;
    }
    assert!((0..4).all(|number| calls.of(number) == 1), "nothing ran twice");
    enqueue(&jobs, &pool, 4..5).await;
    until("new jobs run", || async { calls.of(4) == 1 }).await;
    until("it is well", || async { workers.check().await.status == HealthStatus::Up }).await;
    assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_has_lost_its_job_is_stopped_and_its_end_refused() {
    let database = TestDatabase::postgres().await;
    let jobs = database.jobs().await;
    let (calls, gate) = (Calls::default(), Arc::new(Semaphore::new(0)));
    let handler = async |(calls, gate): (Calls, Arc<Semaphore>), work: Work, run: JobRun| {
        if calls.add(work.number) == 1 {
            if work.number == 0 {
                // Ends when the heartbeat has found out.
                run.cancelled().await;
            } else {
                drop(gate.acquire().await);
            }
        }
        Ok(JobOutcome::Done)
    };
    let route = typed_job_with((calls.clone(), Arc::clone(&gate)), handler);
    let settings = quick().lease(Duration::from_secs(8));
    let workers = Workers::builder(&jobs).settings(settings).on(route).start().unwrap();
    let ids = enqueue(&jobs, &database.pool, 0..2).await;
    until("both run", || async { calls.len() == 2 }).await;
    // As a rescue of another process would do it.
    let text = "UPDATE underpin_job SET run = NULL, lease_until = NULL, worker = NULL WHERE run IS NOT NULL";
    database.pool.execute(sql(text, [])).await.unwrap();
    gate.add_permits(1000);
    for (number, id) in ids.iter().enumerate() {
        until("it is done", || async { state(&jobs, *id).await == Some(JobState::Done) }).await;
        assert_eq!(jobs.get(*id).await.unwrap().unwrap().attempt, 2, "job {number}");
    }
    assert_eq!(count(&database.pool, "SELECT count(*) FROM underpin_job_history").await, 2);
    assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_workers_that_were_dropped_are_rescued() {
    let database = TestDatabase::postgres().await;
    let (jobs, calls) = (database.jobs().await, Calls::default());
    let hangs = typed_job_with(calls.clone(), async |calls: Calls, work: Work, _: JobRun| {
        calls.add(work.number);
        std::future::pending::<()>().await;
        Ok(JobOutcome::Done)
    });
    let short = || quick().lease(Duration::from_secs(2));
    let lost = Workers::builder(&jobs).settings(short()).on(hangs).start().unwrap();
    enqueue(&jobs, &database.pool, 0..10).await;
    until("all run", || async { calls.len() == 10 }).await;
    drop(lost);
    let workers = Workers::builder(&jobs).settings(short()).on(calls.route()).start().unwrap();
    until("all are done", || async { count(&database.pool, "SELECT count(*) FROM underpin_job").await == 0 })
        .await;
    assert!((0..10).all(|number| calls.of(number) == 2));
    assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
}
