//! Workers in processes beside each other: of two releases, with two clocks, and killed while they fire ticks.

use std::time::Duration;

use underpin_database::Pool;
use underpin_jobs::{Enqueue, Job, JobState, Jobs};
use underpin_testkit::eventually;
use underpin_tests::jobs_chaos::{
    JobsProcess, JobsTask, ReceiptJob, Release, SetClock, TransferJob, WiderTransferJob, clock_library,
};

use crate::jobs::{LIMIT, count, database, program};

/// The schedule of the cron entry that all workers have.
const PULSE: &str = "* * * * * * UTC";
/// Five minutes.
const AHEAD_S: i64 = 300;

fn start(task: &JobsTask, name: &str, release: Release, clock: Option<SetClock>) -> JobsProcess {
    let task = JobsTask { name: name.to_owned(), release, clock, ..task.clone() };
    JobsProcess::start(program(), task).unwrap()
}

async fn effects(pool: &Pool, condition: &str) -> i64 {
    count(pool, &format!("SELECT count(*) FROM effect WHERE {condition}")).await
}

async fn transfers(jobs: &Jobs, numbers: std::ops::Range<i64>, work_ms: u64, how: &Enqueue) {
    for number in numbers {
        jobs.enqueue_committed(&TransferJob { number, work_ms }, how.clone()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_of_an_old_and_a_new_release_each_run_what_they_know() {
    let (_database, pool, jobs, task) = database().await;
    let mut old = start(&task, "old", Release::Old, None);
    transfers(&jobs, 0..20, 1, &Enqueue::default()).await;
    for number in 100..110 {
        let wider = WiderTransferJob { number, work_ms: 1, purpose: "rent".to_owned() };
        jobs.enqueue_committed(&wider, Enqueue::default()).await.unwrap();
        jobs.enqueue_committed(&ReceiptJob { number: number + 100 }, Enqueue::default()).await.unwrap();
    }
    eventually(LIMIT, "the old process has run what it knows", async || {
        effects(&pool, "number < 100").await == 20
    })
    .await;
    let ready = async |kind: &str, version| {
        let queues = jobs.queues().await.unwrap();
        let of = queues.iter().filter(|status| (status.kind.as_str(), status.version) == (kind, version));
        of.map(|status| status.ready).sum::<u64>()
    };
    assert_eq!(ready(WiderTransferJob::KIND, 2).await, 10, "a newer version waits and shows");
    assert_eq!(ready(ReceiptJob::KIND, 1).await, 10, "an unknown kind waits and shows");
    assert_eq!(effects(&pool, "number >= 100").await, 0);

    let mut new = start(&task, "new", Release::New, None);
    eventually(LIMIT, "the new process has run the rest", async || {
        effects(&pool, "number >= 100 AND worker = 'new'").await == 20
    })
    .await;
    // Both go on with what both know.
    let mut number = 1000;
    eventually(LIMIT, "both work", || {
        let first = number;
        number += 20;
        let (pool, jobs) = (&pool, &jobs);
        async move {
            transfers(jobs, first..first + 20, 20, &Enqueue::default()).await;
            let by =
                async |name: &str| effects(pool, &format!("number >= 1000 AND worker = '{name}'")).await > 0;
            by("old").await && by("new").await
        }
    })
    .await;
    eventually(LIMIT, "all are done", async || {
        count(&pool, "SELECT count(*) FROM underpin_job WHERE kind <> 'pulse'").await == 0
    })
    .await;
    assert_eq!(effects(&pool, "true").await, 40 + number - 1000);
    assert_eq!(count(&pool, "SELECT count(DISTINCT number) FROM effect").await, 40 + number - 1000);
    assert_eq!(count(&pool, "SELECT count(*) FROM underpin_job_dead").await, 0);
    assert!(old.ended().unwrap().is_none() && new.ended().unwrap().is_none(), "neither process has ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_of_processes_that_are_five_minutes_apart_decide_nothing() {
    let (_database, pool, jobs, task) = database().await;
    // Far shorter than the difference of the clocks, and longer than a busy machine needs for a heartbeat.
    let task = JobsTask { lease_ms: 60_000, ..task };
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock { library: clock_library(folder.path()).unwrap(), ahead_s: AHEAD_S };
    let mut right = start(&task, "right", Release::Old, None);
    let mut ahead = start(&task, "ahead", Release::Old, Some(clock));
    let clocks = "SELECT count(*) FROM started WHERE abs(ahead_ms - CASE worker WHEN 'ahead' THEN 300000 ELSE 0 END) < 60000";
    eventually(LIMIT, "the clocks differ", async || count(&pool, clocks).await == 2).await;

    // The process ahead must not take it for lost.
    let long = TransferJob { number: 1, work_ms: 6000 };
    let long = jobs.enqueue_committed(&long, Enqueue::default()).await.unwrap().id();
    let now = count(&pool, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint").await;
    transfers(&jobs, 100..120, 1, &Enqueue::default().after(Duration::from_secs(4))).await;
    let mut number = 1000;
    eventually(LIMIT, "both work, and the delayed jobs and the long one have run", || {
        let first = number;
        number += 20;
        let (pool, jobs) = (&pool, &jobs);
        async move {
            transfers(jobs, first..first + 20, 20, &Enqueue::default()).await;
            effects(pool, "worker = 'right'").await > 0
                && effects(pool, "worker = 'ahead'").await > 0
                && effects(pool, "number < 1000").await == 21
        }
    })
    .await;
    let early =
        format!("number BETWEEN 100 AND 119 AND at < to_timestamp({now} / 1000.0) + interval '4 seconds'");
    assert_eq!(effects(&pool, &early).await, 0, "no job came before its time");
    let status = jobs.get(long).await.unwrap().unwrap();
    assert_eq!((status.state, status.attempt), (JobState::Done, 1), "no lease was taken for expired");

    let ticks = "SELECT count(*) FROM underpin_job_tick";
    eventually(LIMIT, "ticks have come", async || count(&pool, ticks).await >= 8).await;
    right.kill().unwrap();
    ahead.kill().unwrap();
    for (text, what) in [
        ("SELECT max(at) - min(at) + 1 - count(*) FROM underpin_job_tick", "a tick was missed"),
        (
            "SELECT count(*) FROM underpin_job_tick WHERE to_timestamp(at) > fired_at",
            "a tick fired before its time",
        ),
        (
            "SELECT count(*) FROM (SELECT job FROM underpin_job_tick GROUP BY job HAVING count(*) > 1) j",
            "a tick has two jobs",
        ),
        (
            "SELECT (SELECT count(*) FROM underpin_job_tick) - (SELECT count(*) FROM underpin_job WHERE kind = 'pulse') - \
             (SELECT count(*) FROM underpin_job_history WHERE kind = 'pulse')",
            "a job of no tick, or a tick without its job",
        ),
    ] {
        assert_eq!(count(&pool, text).await, 0, "{what}");
    }
}

/// Processes fire a thousand ticks of the past; all but the one that started last are killed meanwhile.
async fn fire_a_thousand_ticks(replicas: usize) {
    let (_database, pool, jobs, task) = database().await;
    // As if the entry had been registered before.
    jobs.store().register("pulse", PULSE).await.unwrap();
    let last = "UPDATE underpin_job_schedule SET last_tick = last_tick - 1000 RETURNING last_tick + 1000";
    let last = count(&pool, last).await;
    let mut processes: Vec<JobsProcess> =
        (1..replicas).map(|_| start(&task, "first", Release::Old, None)).collect();
    let fired = format!("SELECT count(*) FROM underpin_job_tick WHERE at <= {last}");
    eventually(LIMIT, "some have fired", async || count(&pool, &fired).await >= 100).await;
    let _remains = start(&task, "last", Release::Old, None);
    processes.iter_mut().for_each(|process| process.kill().unwrap());
    eventually(LIMIT, "all have fired", async || count(&pool, &fired).await == 1000).await;
    let ran = format!(
        "SELECT count(*) FROM underpin_job_tick t JOIN underpin_job_history h ON h.id = t.job \
         WHERE t.at <= {last} AND h.state = 'done'"
    );
    eventually(LIMIT, "all their jobs have run", async || count(&pool, &ran).await == 1000).await;
    let jobs = "SELECT (SELECT count(*) FROM underpin_job WHERE kind = 'pulse') + \
                (SELECT count(*) FROM underpin_job_history WHERE kind = 'pulse') - (SELECT count(*) FROM underpin_job_tick)";
    assert_eq!(count(&pool, jobs).await, 0, "each tick has one job");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_ticks_fire_once_in_two_processes_although_one_is_killed() {
    fire_a_thousand_ticks(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_ticks_fire_once_in_four_processes_although_three_are_killed() {
    fire_a_thousand_ticks(4).await;
}
