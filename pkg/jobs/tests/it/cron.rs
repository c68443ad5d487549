//! Ticks over several replicas.

use std::sync::Arc;
use std::time::Duration;

use underpin_jobs::cron::{CronEntry, Missed, Schedule};
use underpin_jobs::store::{NewJob, Tick};
use underpin_jobs::{Jobs, JobsError, Workers, WorkersDrain};

use crate::support::{Calls, LIMIT, TestDatabase, count, jobs, quick, until, work};

/// A thousand ticks of the past, one a second, and none after.
struct Thousand(i64);

impl Schedule for Thousand {
    fn next_after(&self, at: i64) -> Option<i64> {
        let next = at.max(self.0) + 1;
        (next <= self.0 + 1000).then_some(next)
    }

    fn describe(&self) -> String {
        "thousand".to_owned()
    }
}

/// The entry begins a thousand seconds ago.
async fn registered(database: &TestDatabase) -> (Jobs, i64) {
    let jobs = database.jobs().await;
    jobs.store().register("thousand", "thousand").await.unwrap();
    database.pool.batch("UPDATE underpin_job_schedule SET last_tick = last_tick - 2000").await.unwrap();
    let start = jobs.store().schedules().await.unwrap().1[0].last_tick;
    (jobs, start)
}

async fn fires_once(database: TestDatabase, replicas: usize) {
    let (first, start) = registered(&database).await;
    let calls = Calls::default();
    let mut running = Vec::new();
    for _ in 0..replicas {
        let own = jobs(&database.pool);
        let entry = CronEntry::with_schedule("thousand", Arc::new(Thousand(start)), &work(7));
        let entry = entry.missed(Missed::All { within: Duration::from_secs(86_400), most: 1000 });
        running.push(Workers::builder(&own).settings(quick()).on(calls.route()).cron(entry).start().unwrap());
    }
    // One of those that fire is gone in the middle.
    until("half has fired", || async {
        count(&database.pool, "SELECT count(*) FROM underpin_job_tick").await >= 300
    })
    .await;
    drop(running.pop());
    let ended = "SELECT count(*) FROM underpin_job_history";
    until("all have run", || async { count(&database.pool, ended).await == 1000 }).await;
    assert_eq!(count(&database.pool, "SELECT count(DISTINCT at) FROM underpin_job_tick").await, 1000);
    assert_eq!(count(&database.pool, "SELECT count(*) FROM underpin_job").await, 0);
    assert_eq!(first.store().schedules().await.unwrap().1[0].last_tick, start + 1000);
    for workers in running {
        assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_fire_each_of_a_thousand_ticks_once() {
    fires_once(TestDatabase::postgres().await, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_replicas_fire_each_of_a_thousand_ticks_once() {
    fires_once(TestDatabase::postgres().await, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_whose_clock_is_ahead_fires_no_tick_twice() {
    // A process whose idea of the time is five minutes ahead would ask for ticks that others come to later.
    let database = TestDatabase::postgres().await;
    let (jobs, start) = registered(&database).await;
    let store = jobs.store();
    let job = || NewJob::new("work", "main", r#"{"number":1}"#);
    let mut fired = 0;
    for second in 1..=30 {
        for ahead in [300, 0] {
            let tick = Tick::new("thousand", "thousand", start + second + ahead);
            fired += i32::from(store.fire(&tick, &job()).await.unwrap());
        }
    }
    assert_eq!(fired, 30, "those of the clock behind lie before the last tick");
    assert_eq!(count(&database.pool, "SELECT count(*) FROM underpin_job").await, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_entry_fires_when_it_goes_on() {
    let database = TestDatabase::sqlite().await;
    let (jobs, calls) = (database.jobs().await, Calls::default());
    let entry = || CronEntry::new("secondly", "* * * * * *", &work(1)).missed(Missed::Skip);
    let workers = Workers::builder(&jobs).settings(quick()).on(calls.route()).cron(entry()).start().unwrap();
    until("it fires", || async { calls.of(1) >= 2 }).await;
    assert!(jobs.store().set_schedule_paused("secondly", true).await.unwrap());
    let fired = "SELECT count(*) FROM underpin_job_tick";
    let before = count(&database.pool, fired).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(count(&database.pool, fired).await, before);
    assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);

    // A restart loses nothing and repeats nothing.
    jobs.store().set_schedule_paused("secondly", false).await.unwrap();
    let workers = Workers::builder(&jobs).settings(quick()).on(calls.route()).cron(entry()).start().unwrap();
    until("it fires again", || async { count(&database.pool, fired).await > before }).await;
    assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
}

#[tokio::test]
async fn entries_that_cannot_be_read_are_reported_at_the_start() {
    let jobs = Jobs::in_memory();
    let start = |entry: CronEntry| Workers::builder(&jobs).on(Calls::default().route()).cron(entry).start();
    for entry in [
        CronEntry::new("a", "61 * * * *", &work(1)),
        CronEntry::new("a", "* * * * *", &work(1)).zone("Mars/Olympus"),
        CronEntry::new("", "* * * * *", &work(1)),
    ] {
        assert!(matches!(start(entry), Err(JobsError::Schedule { .. } | JobsError::Name { .. })));
    }
    let twice = Workers::builder(&jobs)
        .cron(CronEntry::new("a", "* * * * *", &work(1)))
        .cron(CronEntry::new("a", "* * * * *", &work(1)))
        .start();
    assert!(matches!(twice, Err(JobsError::Schedule { .. })));
}
