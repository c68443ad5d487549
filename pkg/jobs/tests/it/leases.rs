//! What must not hold up the heartbeats of other attempts, ends and progress that need the same rows, and a claim that is answered
//! after the begin of a drain.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use underpin_database::{Connections, Executor, Pool, Transaction, TxOptions, sql};
use underpin_jobs::conformance::claim;
use underpin_jobs::store::{Finished, Verdict};
use underpin_jobs::{
    JobId, JobOutcome, JobRun, JobState, Progress, RunId, Workers, WorkersDrain, typed_job_with,
};

use crate::support::{Calls, LIMIT, TestDatabase, Work, count, enqueue, quick, state, until};

const LEASE: Duration = Duration::from_secs(2);

/// Waits until a lease reaches farther than one renewal from now on would take it.
async fn outlives_its_lease(pool: &Pool, id: JobId) {
    let now = count(pool, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint").await;
    let far = now + 3 * i64::try_from(LEASE.as_millis()).unwrap();
    let text = format!(
        "SELECT count(*) FROM underpin_job WHERE id = '{id}' AND run IS NOT NULL \
         AND lease_until > to_timestamp({far} / 1000.0)"
    );
    until("the lease is renewed again and again", || async { count(pool, &text).await == 1 }).await;
}

/// Holds a lock on a table until the transaction ends.
async fn lock(pool: &Pool, table: &str, mode: &str) -> Transaction {
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    tx.execute(sql(format!("LOCK TABLE {table} IN {mode} MODE"), [])).await.unwrap();
    tx
}

/// Waits until a statement waits for the lock on a table.
async fn until_blocked(pool: &Pool, table: &str) {
    let text = format!("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{table}'::regclass");
    until("a statement waits for the lock", || async { count(pool, &text).await >= 1 }).await;
}

/// Ends when the gate is open.
async fn waits((calls, gate): (Calls, Arc<Semaphore>), work: Work) -> JobOutcome {
    calls.add(work.number);
    drop(gate.acquire().await);
    JobOutcome::Done
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_takes_longer_than_a_lease_costs_no_attempt_its_lease() {
    let database = TestDatabase::postgres().await;
    let (jobs, calls) = (database.jobs().await, Calls::default());
    let gate = Arc::new(Semaphore::new(0));
    // The first sweep comes at the start and does not return.
    let sweep = lock(&database.pool, "underpin_job_history", "ACCESS EXCLUSIVE").await;
    let route = typed_job_with((calls.clone(), Arc::clone(&gate)), async |state, work: Work, _: JobRun| {
        Ok(waits(state, work).await)
    });
    let workers = Workers::builder(&jobs).settings(quick().lease(LEASE)).on(route).start().unwrap();
    let id = enqueue(&jobs, &database.pool, 0..1).await[0];
    until("it runs", || async { calls.len() == 1 }).await;
    until_blocked(&database.pool, "underpin_job_history").await;
    outlives_its_lease(&database.pool, id).await;
    sweep.rollback().await.unwrap();
    gate.add_permits(1);
    until("it is done", || async { state(&jobs, id).await == Some(JobState::Done) }).await;
    assert_eq!(calls.of(0), 1);
    assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_that_is_not_committed_yet_holds_up_no_other_heartbeat() {
    let database = TestDatabase::postgres().await;
    let (jobs, calls) = (database.jobs().await, Calls::default());
    let gate = Arc::new(Semaphore::new(0));
    let handler =
        async |(pool, calls, gate): (Pool, Calls, Arc<Semaphore>), work: Work, run: JobRun| match work.number
        {
            0 => {
                let tx = pool.begin(TxOptions::default()).await?;
                let outcome = run.complete_in(&tx).await?;
                waits((calls, gate), work).await;
                tx.commit().await?;
                Ok(outcome)
            }
            _ => Ok(waits((calls, gate), work).await),
        };
    let route = typed_job_with((database.pool.clone(), calls.clone(), Arc::clone(&gate)), handler);
    let workers = Workers::builder(&jobs).settings(quick().lease(LEASE)).on(route).start().unwrap();
    let ids = enqueue(&jobs, &database.pool, 0..4).await;
    until("all run, and one is completed", || async { calls.len() == 4 }).await;
    for id in &ids[1..] {
        outlives_its_lease(&database.pool, *id).await;
    }
    gate.add_permits(4);
    for id in ids {
        until("it is done", || async { state(&jobs, id).await == Some(JobState::Done) }).await;
    }
    assert!((0..4).all(|number| calls.of(number) == 1), "the open completion was not rescued either");
    assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_is_answered_during_a_drain_is_given_back() {
    let database = TestDatabase::postgres().await;
    let (jobs, calls) = (database.jobs().await, Calls::default());
    let workers = Workers::builder(&jobs).settings(quick()).on(calls.route()).start().unwrap();
    until("the workers sleep", || async {
        count(&database.pool, "SELECT count(*) FROM underpin_job_queue WHERE notify").await == 1
    })
    .await;
    // A claim releases unique keys, which this lock delays; an enqueue without a key touches none.
    let claim = lock(&database.pool, "underpin_job_unique", "SHARE").await;
    let ids = enqueue(&jobs, &database.pool, 0..3).await;
    until_blocked(&database.pool, "underpin_job_unique").await;
    workers.quiesce();
    claim.rollback().await.unwrap();
    assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
    for id in ids {
        let status = jobs.get(id).await.unwrap().unwrap();
        assert_eq!((status.state, status.attempt), (JobState::Waiting, 0), "at once, and without an attempt");
    }
    assert_eq!(calls.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_and_progress_of_the_same_jobs_do_not_wait_for_each_other() {
    let database = TestDatabase::postgres().await;
    let jobs = database.jobs().await;
    enqueue(&jobs, &database.pool, 0..2).await;
    let runs: Vec<RunId> = claim(&**jobs.store(), 2).await.iter().map(|claimed| claimed.run).collect();
    let [first, second] = runs[..] else { panic!("both are due") };
    // The first row is held until the progress, and after it the end, wait for it.
    let held = database.pool.begin(TxOptions::default()).await.unwrap();
    held.execute(sql("SELECT id FROM underpin_job ORDER BY id LIMIT 1 FOR UPDATE", [])).await.unwrap();
    let store = Arc::clone(jobs.store());
    let progress = tokio::spawn(async move {
        store.progress(&[(first, Progress::new(1, 2)), (second, Progress::new(1, 2))]).await
    });
    until_waiting(&database.pool, 1).await;
    let store = Arc::clone(jobs.store());
    let ends = tokio::spawn(async move {
        let retry = Verdict::Retry { after: Duration::ZERO, reason: "not now".to_owned() };
        store.finish(&[Finished::new(second, Verdict::Done), Finished::new(first, retry)]).await
    });
    until_waiting(&database.pool, 2).await;
    held.rollback().await.unwrap();
    progress.await.unwrap().unwrap();
    assert!(ends.await.unwrap().unwrap().stale.is_empty());
    assert_eq!(state(&jobs, second.job).await, Some(JobState::Done));
    assert_eq!(state(&jobs, first.job).await, Some(JobState::Waiting));
}

/// Waits until so many statements wait for locks.
async fn until_waiting(pool: &Pool, statements: i64) {
    let text = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("statements wait for locks", || async { count(pool, text).await == statements }).await;
}
