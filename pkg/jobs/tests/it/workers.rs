//! Workers: outcomes, limits, cancellation, drain.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use underpin_database::{DatabaseExt, Executor, Pool, Transaction, TxOptions, sql};
use underpin_errors::{Error, HealthCheck, HealthStatus};
use underpin_jobs::{
    CancelOutcome, Enqueue, JobOutcome, JobRun, JobState, JobsError, Progress, Workers, WorkersDrain,
    typed_job, typed_job_with,
};

use crate::support::{
    Calls, LIMIT, Slow, TestDatabase, Work, count, enqueue, jobs, quick, state, until, work,
};

#[tokio::test(flavor = "multi_thread")]
async fn committed_jobs_run_once_and_are_kept_in_the_history() {
    for database in [TestDatabase::postgres().await, TestDatabase::sqlite().await] {
        let (jobs, calls) = (database.jobs().await, Calls::default());
        let workers = Workers::builder(&jobs).settings(quick()).on(calls.route()).start().unwrap();
        enqueue(&jobs, &database.pool, 0..300).await;
        until("all are done", || async {
            count(&database.pool, "SELECT count(*) FROM underpin_job_history WHERE state = 'done'").await
                == 300
        })
        .await;
        assert!((0..300).all(|number| calls.of(number) == 1));
        assert_eq!(workers.check().await.status, HealthStatus::Up);
        assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
        assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained, "again");
        assert_eq!(workers.check().await.status, HealthStatus::Down);
        enqueue(&jobs, &database.pool, 300..301).await;
        assert_eq!(count(&database.pool, "SELECT count(*) FROM underpin_job").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_of_handlers() {
    let (jobs, calls) = (underpin_jobs::Jobs::in_memory(), Calls::default());
    let handler = typed_job_with(calls.clone(), async |calls: Calls, work: Work, run: JobRun| {
        let call = calls.add(work.number);
        match work.number {
            0 => Err(Error::bad_request("never")),
            1 if call < 3 => Err(Error::unavailable("not yet")),
            2 if call < 2 => panic!("on demand"),
            3 if call < 2 => {
                assert_eq!(run.attempt(), 1);
                Ok(JobOutcome::snooze(Duration::from_millis(10)))
            }
            3 => {
                assert_eq!(run.attempt(), 1, "a snooze costs none");
                Ok(JobOutcome::Done)
            }
            4 => Ok(JobOutcome::retry("always")),
            5 if call < 2 => {
                tokio::time::sleep(LIMIT).await;
                Ok(JobOutcome::Done)
            }
            _ => Ok(JobOutcome::Done),
        }
    });
    let mut handler = handler;
    handler.options = handler.options.attempts(3).timeout(Duration::from_secs(1));
    let workers = Workers::builder(&jobs).settings(quick()).on(handler).start().unwrap();
    let mut ids = Vec::new();
    for number in 0..6 {
        ids.push(jobs.enqueue_committed(&work(number), Enqueue::default()).await.unwrap().id());
    }
    let expected =
        [JobState::Dead, JobState::Done, JobState::Done, JobState::Done, JobState::Dead, JobState::Done];
    for (id, expected) in ids.iter().zip(expected) {
        until("it ends", || async { state(&jobs, *id).await.is_some_and(JobState::is_ended) }).await;
        assert_eq!(state(&jobs, *id).await, Some(expected));
    }
    assert_eq!([0, 1, 2, 3, 4, 5].map(|number| calls.of(number)), [1, 3, 2, 2, 3, 2]);
    let dead = jobs.inspect(ids[0]).await.unwrap().unwrap();
    assert_eq!(dead.reason.as_deref(), Some("never"));
    let shown = serde_json::to_string(&dead.status).unwrap();
    assert!(shown.contains(r#""state":"dead""#) && !shown.contains("never"), "{shown}");
    assert!(jobs.replay(ids[0]).await.unwrap());
    until("it died again", || async {
        calls.of(0) == 2 && state(&jobs, ids[0]).await == Some(JobState::Dead)
    })
    .await;
    assert!(jobs.discard(ids[0]).await.unwrap());
    assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
}

/// Adds a row and completes the job in one transaction, which rolls back the first time.
async fn once((pool, calls): (Pool, Calls), work: Work, run: JobRun) -> Result<JobOutcome, Error> {
    let first = calls.add(work.number) == 1;
    let effect = |tx: Transaction| {
        let run = run.clone();
        async move {
            let text = "INSERT INTO effects VALUES ($1)";
            tx.execute(sql(text, [i64::try_from(work.number).unwrap_or(0).into()])).await?;
            let outcome = run.complete_in(&tx).await?;
            if first { Err(JobsError::Stale) } else { Ok(outcome) }
        }
    };
    Ok(pool.transaction(TxOptions::default(), effect).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_in_the_transaction_of_the_completion_happens_once() {
    for database in [TestDatabase::postgres().await, TestDatabase::sqlite().await] {
        let jobs = database.jobs().await;
        database.pool.batch("CREATE TABLE effects (number bigint NOT NULL)").await.unwrap();
        let calls = Calls::default();
        let route = typed_job_with((database.pool.clone(), calls.clone()), once);
        let workers = Workers::builder(&jobs).settings(quick()).on(route).start().unwrap();
        let ids = enqueue(&jobs, &database.pool, 0..20).await;
        for id in ids {
            until("it is done", || async { state(&jobs, id).await == Some(JobState::Done) }).await;
        }
        assert_eq!(count(&database.pool, "SELECT count(*) FROM effects").await, 20);
        assert_eq!(count(&database.pool, "SELECT count(DISTINCT number) FROM effects").await, 20);
        assert!((0..20).all(|number| calls.of(number) == 2));
        assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_that_did_not_commit_is_retried() {
    let database = TestDatabase::sqlite().await;
    let jobs = database.jobs().await;
    let handler = async |(pool, calls): (Pool, Calls), work: Work, run: JobRun| {
        let tx = underpin_database::Connections::begin(&pool, TxOptions::default()).await?;
        let outcome = run.complete_in(&tx).await?;
        // The handler says that it is complete, whatever became of the transaction.
        if calls.add(work.number) == 1 {
            tx.rollback().await?;
        } else {
            tx.commit().await?;
        }
        Ok(outcome)
    };
    let calls = Calls::default();
    let route = typed_job_with((database.pool.clone(), calls.clone()), handler);
    let workers = Workers::builder(&jobs).settings(quick()).on(route).start().unwrap();
    let id = enqueue(&jobs, &database.pool, 0..1).await[0];
    until("it is done", || async { state(&jobs, id).await == Some(JobState::Done) }).await;
    assert_eq!(calls.of(0), 2);
    assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
}

#[derive(Clone, Default)]
struct Gauge {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Gauge {
    async fn hold(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_queue_and_kind_hold_and_a_full_kind_holds_up_no_other() {
    let database = TestDatabase::postgres().await;
    let jobs = &database.jobs().await;
    let (all, slow) = (Gauge::default(), Gauge::default());
    let workers = Workers::builder(jobs)
        .settings(quick())
        .on(typed_job_with(all.clone(), async |all: Gauge, _: Work, _: JobRun| {
            all.hold().await;
            Ok(JobOutcome::Done)
        }))
        .on(typed_job_with(
            (all.clone(), slow.clone()),
            async |(all, slow): (Gauge, Gauge), _: Slow, _: JobRun| {
                tokio::join!(all.hold(), slow.hold());
                Ok(JobOutcome::Done)
            },
        ))
        .queue("main", 6)
        .start()
        .unwrap();
    let slows: &Vec<Slow> = &(0..60).map(|_| Slow).collect();
    database
        .pool
        .transaction(TxOptions::default(), |tx| async move { jobs.enqueue_many(&tx, slows).await })
        .await
        .unwrap();
    enqueue(jobs, &database.pool, 0..60).await;
    until("all are done", || async { count(&database.pool, "SELECT count(*) FROM underpin_job").await == 0 })
        .await;
    let (most, most_slow) = (all.most.load(Ordering::SeqCst), slow.most.load(Ordering::SeqCst));
    assert!(most_slow <= 2 && (3..=6).contains(&most), "{most_slow} of the kind, {most} in all");
    assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notify_wakes_workers_of_another_process() {
    let database = TestDatabase::postgres().await;
    let (there, here) = (database.jobs().await, jobs(&database.pool));
    let calls = Calls::default();
    let sleepy = quick().poll(Duration::from_secs(3600));
    let workers = Workers::builder(&there).settings(sleepy).on(calls.route()).start().unwrap();
    until("the queue is known", || async {
        count(&database.pool, "SELECT count(*) FROM underpin_job_queue WHERE notify").await == 1
    })
    .await;
    for number in 0..3 {
        // Longer than the quick polls after the one before, at a pause of an hour.
        tokio::time::sleep(Duration::from_millis(300)).await;
        enqueue(&here, &database.pool, number..number + 1).await;
        until("it ran", || async { calls.of(number) == 1 }).await;
    }
    assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_and_cancellation_of_a_running_job() {
    let database = TestDatabase::postgres().await;
    let jobs = database.jobs().await;
    let handler = typed_job(async |_: Work, run: JobRun| {
        run.progress(Progress::new(3, 10).note("rows"));
        run.cancelled().await;
        Ok(JobOutcome::Cancelled)
    });
    let deaf = typed_job(async |_: Slow, _: JobRun| {
        tokio::time::sleep(LIMIT * 10).await;
        Ok(JobOutcome::Done)
    });
    let settings = quick().lease(Duration::from_secs(4)).cancel_grace(Duration::from_millis(50));
    let workers = Workers::builder(&jobs).settings(settings).on(handler).on(deaf).start().unwrap();
    let listens = enqueue(&jobs, &database.pool, 0..1).await[0];
    let does_not = jobs.enqueue_committed(&Slow, Enqueue::default()).await.unwrap().id();
    until("it reports", || async {
        jobs.get(listens).await.unwrap().unwrap().progress == Some(Progress::new(3, 10).note("rows"))
    })
    .await;
    until("the other runs", || async { state(&jobs, does_not).await == Some(JobState::Running) }).await;
    for id in [listens, does_not] {
        assert_eq!(jobs.cancel(id).await.unwrap(), CancelOutcome::Asked);
        until("it is cancelled", || async { state(&jobs, id).await == Some(JobState::Cancelled) }).await;
    }
    assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
}

#[tokio::test(start_paused = true)]
async fn progress_is_written_once_a_second_however_often_it_is_reported() {
    let jobs = underpin_jobs::Jobs::in_memory();
    let handler = typed_job(async |_: Work, run: JobRun| {
        for done in 0..1000 {
            run.progress(Progress::new(done, 1000));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(JobOutcome::Done)
    });
    let workers = Workers::builder(&jobs).settings(quick()).on(handler).start().unwrap();
    let id = jobs.enqueue_committed(&work(1), Enqueue::default()).await.unwrap().id();
    let mut written = BTreeSet::new();
    // On a clock that stands still while anything can be done, each write is seen.
    while let Some(status) = jobs.get(id).await.unwrap().filter(|status| !status.state.is_ended()) {
        written.extend(status.progress.map(|progress| progress.done));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!((9..=11).contains(&written.len()), "in ten seconds: {written:?}");
    assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
}

#[tokio::test]
async fn the_inline_runner_runs_jobs_on_the_thread_of_the_test() {
    let jobs = underpin_jobs::Jobs::in_memory();
    let here = std::thread::current().id();
    let handler = typed_job_with(here, async |here, _: Work, _: JobRun| {
        assert_eq!(std::thread::current().id(), here);
        Ok(JobOutcome::Done)
    });
    let runner = Workers::builder(&jobs).on(handler).inline().unwrap();
    jobs.enqueue_committed(&work(1), Enqueue::default()).await.unwrap();
    let ran = runner.run_due().await.unwrap();
    assert_eq!(ran.iter().map(|attempt| &attempt.outcome).collect::<Vec<_>>(), [&JobOutcome::Done]);
}

#[tokio::test]
async fn workers_that_are_put_together_wrongly_do_not_start() {
    let (jobs, calls) = (underpin_jobs::Jobs::in_memory(), Calls::default());
    let builder = || Workers::builder(&jobs).on(calls.route());
    assert!(matches!(builder().on(calls.route()).start(), Err(JobsError::Setting { .. })));
    assert!(matches!(builder().queue("other", 1).start(), Err(JobsError::Setting { .. })));
    assert!(matches!(builder().queue("main", 0).start(), Err(JobsError::Setting { .. })));
    assert!(matches!(builder().settings(quick().batch(0)).start(), Err(JobsError::Setting { .. })));
}
