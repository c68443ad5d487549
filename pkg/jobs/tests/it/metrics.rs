//! What workers and schedulers report, with the clock of tokio stopped.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt as _;
use tokio::sync::Semaphore;
use underpin_jobs::cron::{CronEntry, Missed, Schedule};
use underpin_jobs::store::{JobStore, KnownKind, MemoryJobStore, NewJob, Tick, TickStore};
use underpin_jobs::{Enqueue, JobOutcome, JobRun, Jobs, Workers, WorkersDrain, typed_job, typed_job_with};
use underpin_telemetry::testing::CaptureMetrics;

use crate::support::{Calls, LIMIT, TestDatabase, Work, quick, until, work};

/// Runs a test on this thread, whose metrics are captured. Every wait for a time is over at once.
fn captured<F: Future<Output = ()>>(test: impl FnOnce(CaptureMetrics) -> F) {
    let metrics = CaptureMetrics::new();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    metrics.during(|| runtime.block_on(test(metrics.clone())));
}

#[test]
fn gauges_of_a_queue_that_is_empty_again_are_zero() {
    captured(|metrics| async move {
        let jobs = Jobs::in_memory();
        let handler = typed_job(async |_: Work, _: JobRun| Ok(JobOutcome::dead("on demand")));
        let workers = Workers::builder(&jobs).settings(quick()).on(handler).start().unwrap();
        let gauge =
            |name: &str| metrics.value(&format!(r#"underpin_jobs_{name}{{queue="main",kind="work"}}"#));
        jobs.pause("main").await.unwrap();
        let mut ids = Vec::new();
        for number in 0..2 {
            ids.push(jobs.enqueue_committed(&work(number), Enqueue::default()).await.unwrap().id());
        }
        until("they are counted", || async { gauge("ready") == Some(2.0) }).await;
        assert_eq!(gauge("dead"), Some(0.0));
        jobs.resume("main").await.unwrap();
        until("they are dead", || async { (gauge("ready"), gauge("dead")) == (Some(0.0), Some(2.0)) }).await;
        for id in ids {
            assert!(jobs.discard(id).await.unwrap());
        }
        until("nothing is left of the queue", || async { gauge("dead") == Some(0.0) }).await;
        assert_eq!((gauge("ready"), gauge("oldest_seconds")), (Some(0.0), Some(0.0)));
        assert_eq!(metrics.value(r#"underpin_jobs_finished_total{kind="work",outcome="dead"}"#), Some(2.0));
        assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
    });
}

#[test]
fn the_late_end_of_an_attempt_is_counted() {
    captured(|metrics| async move {
        let store = Arc::new(MemoryJobStore::default());
        let jobs = Jobs::over(Arc::<MemoryJobStore>::clone(&store));
        let (calls, gate) = (Calls::default(), Arc::new(Semaphore::new(0)));
        let handler = async |(calls, gate): (Calls, Arc<Semaphore>), work: Work, _: JobRun| {
            calls.add(work.number);
            drop(gate.acquire().await);
            Ok(JobOutcome::Done)
        };
        let route = typed_job_with((calls.clone(), Arc::clone(&gate)), handler);
        let workers = Workers::builder(&jobs).settings(quick()).on(route).start().unwrap();
        jobs.enqueue_committed(&work(1), Enqueue::default()).await.unwrap();
        until("it runs", || async { calls.of(1) == 1 }).await;
        store.advance(Duration::from_secs(3600));
        // As another process does it, and the attempt ends before it hears of its loss.
        assert_eq!(store.rescue(&[KnownKind::new("work", 1)], 3).await.unwrap().len(), 1);
        gate.add_permits(1000);
        let late = || metrics.value("underpin_jobs_stale_finishes_total");
        until("its end is refused", || async { late() == Some(1.0) }).await;
        until("it runs again", || async { calls.of(1) == 2 }).await;
        assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
        assert_eq!(late(), Some(1.0));
    });
}

const TICKS: i64 = 10;

/// Ten ticks, one a second, from its start on.
struct Ten {
    start: i64,
    /// Called when the last one was asked for: between the read of the entry and its ticks.
    then: Box<dyn Fn() + Send + Sync>,
}

impl Schedule for Ten {
    fn next_after(&self, at: i64) -> Option<i64> {
        let next = at.max(self.start) + 1;
        if next > self.start + TICKS {
            (self.then)();
            return None;
        }
        Some(next)
    }

    fn describe(&self) -> String {
        "ten".to_owned()
    }
}

/// An entry whose ticks all passed while no process ran.
async fn missed_entry() -> (Arc<MemoryJobStore>, i64) {
    let store = Arc::new(MemoryJobStore::default());
    store.register("ten", "ten").await.unwrap();
    let start = store.schedules().await.unwrap().1[0].last_tick;
    store.advance(Duration::from_secs(3600));
    (store, start)
}

fn entry(start: i64, missed: Missed, then: impl Fn() + Send + Sync + 'static) -> CronEntry {
    let schedule = Arc::new(Ten { start, then: Box::new(then) });
    CronEntry::with_schedule("ten", schedule, &work(0)).missed(missed)
}

fn missed_total(metrics: &CaptureMetrics) -> Option<f64> {
    metrics.value(r#"underpin_cron_missed_total{name="ten"}"#)
}

#[test]
fn missed_ticks_are_counted_once_over_all_replicas() {
    let hour = Duration::from_secs(7200);
    for (missed, fires) in [
        (Missed::Skip, 0),
        (Missed::Once { within: None }, 1),
        (Missed::All { within: hour, most: 3 }, 3),
        (Missed::All { within: hour, most: 100 }, 10),
    ] {
        captured(|metrics| async move {
            let (store, start) = missed_entry().await;
            let calls = Calls::default();
            let mut replicas = Vec::new();
            for _ in 0..3 {
                let jobs = Jobs::over(Arc::<MemoryJobStore>::clone(&store));
                let builder = Workers::builder(&jobs).settings(quick()).on(calls.route());
                replicas.push(builder.cron(entry(start, missed, || ())).start().unwrap());
            }
            until("the last tick has passed", || async {
                store.schedules().await.unwrap().1[0].last_tick == start + TICKS
            })
            .await;
            for replica in replicas {
                assert_eq!(replica.drain(LIMIT).await, WorkersDrain::Drained);
            }
            let expected = (fires < TICKS).then_some(f64::from(i32::try_from(TICKS - fires).unwrap()));
            assert_eq!(missed_total(&metrics), expected, "{missed:?}");
            let lateness = r#"underpin_cron_lateness_seconds_count{name="ten"}"#;
            assert_eq!(metrics.value(lateness).unwrap_or(0.0), f64::from(i32::try_from(fires).unwrap()));
        });
    }
}

#[test]
fn a_replica_that_fires_the_rest_counts_nothing_as_missed() {
    captured(|metrics| async move {
        let (store, start) = missed_entry().await;
        // Another replica fires the first of the three that are to fire, and counts the seven before.
        let other = {
            let store = Arc::clone(&store);
            move || {
                let tick = Tick::new("ten", "ten", start + 8);
                store.fire(&tick, &NewJob::new("work", "main", "{}")).now_or_never().unwrap().unwrap();
            }
        };
        let jobs = Jobs::over(Arc::<MemoryJobStore>::clone(&store));
        let missed = Missed::All { within: Duration::from_secs(7200), most: 3 };
        let builder = Workers::builder(&jobs).settings(quick()).on(Calls::default().route());
        let workers = builder.cron(entry(start, missed, other)).start().unwrap();
        until("the last tick has passed", || async {
            store.schedules().await.unwrap().1[0].last_tick == start + TICKS
        })
        .await;
        assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
        assert_eq!(missed_total(&metrics), None);
    });
}

#[test]
fn a_tick_that_cannot_be_fired_stays_the_one_that_is_waited_for() {
    let metrics = CaptureMetrics::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let test = async {
        let database = TestDatabase::sqlite().await;
        let jobs = database.jobs().await;
        let entry = CronEntry::new("secondly", "* * * * * *", &work(1));
        let builder = Workers::builder(&jobs).settings(quick()).on(Calls::default().route());
        let workers = builder.cron(entry).start().unwrap();
        let next = || metrics.value(r#"underpin_cron_next_timestamp_seconds{name="secondly"}"#);
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        until("it waits for a tick", || async { next().is_some_and(|next| next > now() - 1.0) }).await;
        database.pool.batch("ALTER TABLE underpin_job_tick RENAME TO away").await.unwrap();
        until("a tick is late", || async { next().is_some_and(|next| next < now() - 3.0) }).await;
        database.pool.batch("ALTER TABLE away RENAME TO underpin_job_tick").await.unwrap();
        until("it fires again", || async { next().is_some_and(|next| next > now() - 1.0) }).await;
        jobs.store().set_schedule_paused("secondly", true).await.unwrap();
        until("it waits for nothing", || async { next() == Some(0.0) }).await;
        assert_eq!(workers.drain(LIMIT).await, WorkersDrain::Drained);
    };
    metrics.during(|| runtime.block_on(test));
}
