use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use underpin_database::{Connections, DatabaseSettings, Executor, Pool, TxOptions, connect, sql};
use underpin_errors::BoxError;
use underpin_jobs::{Enqueue, Jobs, JobsSettings};
use underpin_logger::NoopLogger;
use underpin_testkit::{PostgresServer, eventually};

use super::process::JobsProcess;
use super::worker::{JobsTask, Poison, TransferJob, tables};
use crate::chaos::random::Random;

/// A lease that a frozen process outlasts.
const LEASE: Duration = Duration::from_secs(2);
const WORKERS: usize = 3;

/// A run: its length and what its faults are made from.
#[derive(Debug, Clone)]
pub struct JobsChaos {
    /// The program of the workers, called with `work`.
    pub program: PathBuf,
    /// How long faults are done.
    pub length: Duration,
    /// What the faults are made from.
    pub seed: u64,
    /// The mean pause between two faults.
    pub gap: Duration,
    /// Jobs each second.
    pub rate: u32,
}

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JobsReport {
    /// What the faults were made from.
    pub seed: u64,
    /// Faults by kind: worker killed, worker frozen, PostgreSQL killed, connections cut, poison enqueued.
    pub faults: [u32; 5],
    /// Jobs of committed transactions.
    pub committed: i64,
    /// Transactions that were rolled back or failed.
    pub rolled_back: u64,
    /// Effects.
    pub effects: i64,
    /// Completions that were refused since the attempt had lost its job.
    pub refused: i64,
    /// Ticks of the cron entry.
    pub ticks: i64,
    /// Dead jobs that were lost too often and are no poison; they were replayed at the end.
    pub replayed: u64,
    /// Dead jobs: all of them poison.
    pub dead: i64,
    /// Promises that were broken.
    pub violations: Vec<String>,
}

/// How often what was lost is replayed: poison that is left may lose it again.
const REPLAYS: u32 = 5;

/// Replays the dead jobs that are no poison and were lost, and tells how many there were.
async fn replay_lost(pool: &Pool, jobs: &Jobs) -> Result<u64, BoxError> {
    let text = "SELECT id::text FROM underpin_job_dead WHERE kind <> 'poison' AND reason = 'lost'";
    let mut replayed = 0;
    for row in pool.query_all(sql(text, [])).await? {
        let id: String = row.try_get_by_index(0)?;
        replayed += u64::from(jobs.replay(id.parse()?).await?);
    }
    Ok(replayed)
}

impl JobsChaos {
    /// Does the run.
    ///
    /// # Errors
    /// When a server or a process cannot be started.
    ///
    /// # Panics
    /// When the jobs do not come to an end within minutes after the last fault.
    pub async fn run(&self) -> Result<JobsReport, BoxError> {
        let server = PostgresServer::private().await;
        let pool = pool(server.url()).await?;
        let jobs = Jobs::new(&pool, JobsSettings::default())?;
        tables(&pool, &jobs).await?;
        let lease_ms = u64::try_from(LEASE.as_millis())?;
        let task = JobsTask::new(server.url(), lease_ms);
        let mut workers = Vec::new();
        for _ in 0..WORKERS {
            workers.push(JobsProcess::start(&self.program, task.clone())?);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let producer = tokio::spawn(produce(
            jobs.clone(),
            pool.clone(),
            Random::new(self.seed.wrapping_add(1)),
            self.rate,
            Arc::clone(&stop),
        ));
        let mut report = JobsReport { seed: self.seed, ..JobsReport::default() };
        self.do_faults(&server, &pool, &jobs, &mut workers, &mut report).await?;
        stop.store(true, Ordering::SeqCst);
        report.rolled_back = producer.await?;
        let ended = || {
            // A worker that the poison killed is started again.
            let started = workers.iter_mut().try_for_each(JobsProcess::start_again).is_ok();
            let left = count(&pool, "SELECT count(*) FROM underpin_job WHERE kind <> 'pulse'");
            async move { started && left.await == Some(0) }
        };
        let mut ended = ended;
        eventually(Duration::from_secs(240), "all jobs have ended", &mut ended).await;
        // A job that was lost more often than it may be, beside poison or in outages, waits for an operator, who replays it.
        for _ in 0..REPLAYS {
            let replayed = replay_lost(&pool, &jobs).await?;
            if replayed == 0 {
                break;
            }
            report.replayed += replayed;
            eventually(Duration::from_secs(240), "replayed jobs have ended", &mut ended).await;
        }
        self.check(&pool, &mut report).await;
        drop(workers);
        Ok(report)
    }

    async fn do_faults(
        &self,
        server: &PostgresServer,
        pool: &Pool,
        jobs: &Jobs,
        workers: &mut [JobsProcess],
        report: &mut JobsReport,
    ) -> Result<(), BoxError> {
        let mut random = Random::new(self.seed);
        let end = Instant::now() + self.length;
        while Instant::now() < end {
            tokio::time::sleep(random.between(self.gap / 2, self.gap * 3 / 2)).await;
            let place = usize::try_from(random.below(workers.len() as u64))?;
            let Some(worker) = workers.get_mut(place) else { continue };
            let fault = usize::try_from(random.below(5))?;
            if let Some(times) = report.faults.get_mut(fault) {
                *times += 1;
            }
            match fault {
                0 => worker.kill()?,
                1 => {
                    // It may have been killed by poison in this moment.
                    if worker.freeze().is_ok() {
                        tokio::time::sleep(LEASE + Duration::from_millis(1500)).await;
                        worker.resume().ok();
                    }
                }
                2 => {
                    server.kill().await;
                    tokio::time::sleep(random.between(Duration::ZERO, Duration::from_millis(700))).await;
                    server.start().await;
                }
                3 => {
                    let text = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                                WHERE datname = current_database() AND pid <> pg_backend_pid()";
                    // Its own connection may be among those of the pool that were cut before.
                    pool.execute(sql(text, [])).await.ok();
                }
                _ => drop(jobs.enqueue_committed(&Poison, Enqueue::default()).await),
            }
            workers.iter_mut().try_for_each(JobsProcess::start_again)?;
        }
        Ok(())
    }

    async fn check(&self, pool: &Pool, report: &mut JobsReport) {
        let read = async |text: &str| count(pool, text).await.unwrap_or(-1);
        report.committed = read("SELECT count(*) FROM ledger").await;
        report.effects = read("SELECT count(*) FROM effect").await;
        report.refused = read("SELECT count(*) FROM refused").await;
        report.ticks = read("SELECT count(*) FROM underpin_job_tick").await;
        report.dead = read("SELECT count(*) FROM underpin_job_dead").await;
        for (text, promise) in [
            (
                "SELECT count(*) FROM (SELECT number FROM effect GROUP BY number HAVING count(*) > 1) n",
                "an effect happened twice",
            ),
            (
                "SELECT count(*) FROM ledger WHERE number NOT IN (SELECT number FROM effect)",
                "a committed job had no effect",
            ),
            (
                "SELECT count(*) FROM effect WHERE number NOT IN (SELECT number FROM ledger)",
                "a job of no committed transaction had an effect",
            ),
            ("SELECT count(*) FROM underpin_job_dead WHERE kind <> 'poison'", "a job died that is no poison"),
            ("SELECT max(at) - min(at) + 1 - count(*) FROM underpin_job_tick", "a tick did not fire"),
            (
                "SELECT count(*) FROM (SELECT job FROM underpin_job_tick GROUP BY job HAVING count(*) > 1) n",
                "a tick has the job of another",
            ),
            ("SELECT count(*) FROM underpin_job_unique", "a unique key was left behind"),
        ] {
            match count(pool, text).await {
                Some(0) => {}
                found => report.violations.push(format!("{promise}: {found:?}")),
            }
        }
        if report.committed == 0 || report.ticks == 0 {
            report.violations.push("nothing was proved: no job or no tick".to_owned());
        }
    }
}

async fn pool(url: &str) -> Result<Pool, BoxError> {
    let mut settings = DatabaseSettings::new(url);
    settings.acquire_timeout = Duration::from_secs(30);
    settings.connect_timeout = Duration::from_secs(60);
    Ok(connect(&settings, Arc::new(NoopLogger)).await?)
}

/// Enqueues until it is stopped; returns how many transactions did not commit, as far as it knows.
async fn produce(jobs: Jobs, pool: Pool, mut random: Random, rate: u32, stop: Arc<AtomicBool>) -> u64 {
    let (mut number, mut lost) = (0, 0);
    while !stop.load(Ordering::SeqCst) {
        number += 1;
        let transfer = TransferJob { number, work_ms: random.below(60) };
        let rolls_back = random.below(5) == 0;
        let one = async {
            let tx = pool.begin(TxOptions::default()).await?;
            tx.execute(sql("INSERT INTO ledger VALUES ($1)", [number.into()])).await?;
            jobs.enqueue(&tx, &transfer).await?;
            if rolls_back {
                tx.rollback().await?;
                return Ok(false);
            }
            // If the answer is lost, the ledger knows.
            tx.commit().await?;
            Ok::<bool, BoxError>(true)
        };
        lost += u64::from(!matches!(one.await, Ok(true)));
        tokio::time::sleep(Duration::from_secs(1) / rate.max(1)).await;
    }
    lost
}

async fn count(pool: &Pool, text: &str) -> Option<i64> {
    pool.query_one(sql(text, [])).await.ok()??.try_get_by_index(0).ok()
}
