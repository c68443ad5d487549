use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use underpin_database::{
    DatabaseError, DatabaseExt, DatabaseSettings, Executor, Pool, Transaction, TxOptions, connect, sql,
};
use underpin_errors::{BoxError, Error};
use underpin_jobs::cron::{CronEntry, Missed};
use underpin_jobs::{
    Job, JobOptions, JobOutcome, JobRun, Jobs, JobsError, JobsSettings, Workers, WorkersSettings, typed_job,
    typed_job_with,
};
use underpin_logger::NoopLogger;

/// What a worker process is to do, as JSON in an environment variable.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobsTask {
    /// The database.
    pub url: String,
    /// How long a job stays with a process that does not renew its lease.
    pub lease_ms: u64,
    /// Its name in the table of effects.
    pub name: String,
    /// What it was built from.
    pub release: Release,
    /// Another clock than that of the machine.
    pub clock: Option<SetClock>,
}

/// A version of the program: what it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Release {
    /// [`TransferJob`].
    Old,
    /// [`TransferJob`], [`WiderTransferJob`] and [`ReceiptJob`].
    New,
}

/// The clock of a process, through a library that stands before the one of the system.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetClock {
    /// Built by [`clock_library`](super::clock_library).
    pub library: PathBuf,
    /// By how much it is ahead of the machine, in seconds.
    pub ahead_s: i64,
}

impl JobsTask {
    /// The environment variable.
    pub const VARIABLE: &str = "UNDERPIN_JOBS_CHAOS_WORKER";

    /// A worker of the old release, with the machine's clock.
    pub fn new(url: impl Into<String>, lease_ms: u64) -> Self {
        Self { url: url.into(), lease_ms, name: "worker".to_owned(), release: Release::Old, clock: None }
    }
}

/// A job with one effect in the database.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TransferJob {
    /// Names the effect.
    pub number: i64,
    /// How long the handler works before it writes the effect.
    pub work_ms: u64,
}

impl Job for TransferJob {
    const KIND: &'static str = "transfer";

    fn options() -> JobOptions {
        JobOptions::default()
            .queue("transfers")
            .attempts(1000)
            .backoff(Duration::from_millis(20), Duration::from_millis(200))
    }
}

/// The next version of [`TransferJob`], which also reads the first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WiderTransferJob {
    /// Names the effect.
    pub number: i64,
    /// How long the handler works before it writes the effect.
    #[serde(default)]
    pub work_ms: u64,
    /// What the first version has not.
    #[serde(default)]
    pub purpose: String,
}

impl Job for WiderTransferJob {
    const KIND: &'static str = TransferJob::KIND;
    const VERSION: u32 = 2;

    fn options() -> JobOptions {
        TransferJob::options()
    }
}

/// A kind that the old release does not know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReceiptJob {
    /// Names the effect.
    pub number: i64,
}

impl Job for ReceiptJob {
    const KIND: &'static str = "receipt";

    fn options() -> JobOptions {
        TransferJob::options()
    }
}

/// A job that takes its process with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Poison;

impl Job for Poison {
    const KIND: &'static str = "poison";

    fn options() -> JobOptions {
        JobOptions::default().queue("poison")
    }
}

/// A job of a cron entry.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pulse;

impl Job for Pulse {
    const KIND: &'static str = "pulse";

    fn options() -> JobOptions {
        JobOptions::default().queue("cron").attempts(1000)
    }
}

/// Creates the tables of the ledger and of the jobs.
///
/// # Errors
/// When the database does not answer.
pub async fn tables(pool: &Pool, jobs: &Jobs) -> Result<(), BoxError> {
    jobs.migrate().await?;
    let text = "CREATE TABLE IF NOT EXISTS ledger (number bigint NOT NULL); \
                CREATE TABLE IF NOT EXISTS effect \
                (number bigint NOT NULL, worker text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp()); \
                CREATE TABLE IF NOT EXISTS refused (number bigint NOT NULL); \
                CREATE TABLE IF NOT EXISTS started (worker text NOT NULL, ahead_ms bigint NOT NULL)";
    pool.batch(text).await?;
    Ok(())
}

/// Works until it is killed.
///
/// # Errors
/// When it cannot begin.
pub async fn work() -> Result<(), BoxError> {
    let task: JobsTask = serde_json::from_str(&std::env::var(JobsTask::VARIABLE)?)?;
    let mut settings = DatabaseSettings::new(task.url.as_str());
    settings.acquire_timeout = Duration::from_secs(30);
    settings.connect_timeout = Duration::from_secs(60);
    let pool = connect(&settings, Arc::new(NoopLogger)).await?;
    tell_clock(&pool, &task.name).await?;
    let jobs = Jobs::new(&pool, JobsSettings::default())?;
    let settings = WorkersSettings::default()
        .lease(Duration::from_millis(task.lease_ms))
        .poll(Duration::from_millis(100))
        .rescues(3);
    // So that no outage of a run leaves a gap between two ticks.
    let missed = Missed::All { within: Duration::from_secs(7200), most: 5000 };
    let effects = Effects { pool, worker: Arc::from(task.name) };
    let workers = Workers::builder(&jobs)
        .settings(settings)
        .on(typed_job(async |_: Poison, _: JobRun| -> Result<JobOutcome, Error> { std::process::abort() }))
        .on(typed_job(async |_: Pulse, _: JobRun| Ok(JobOutcome::Done)))
        .cron(CronEntry::new("pulse", "* * * * * *", &Pulse).missed(missed));
    let workers = match task.release {
        Release::Old => workers
            .on(typed_job_with(effects, async |effects: Effects, job: TransferJob, run| {
                effects.write(job.number, job.work_ms, run).await
            })),
        Release::New => workers
            .on(typed_job_with(effects.clone(), async |effects: Effects, job: WiderTransferJob, run| {
                effects.write(job.number, job.work_ms, run).await
            }))
            .on(typed_job_with(effects, async |effects: Effects, job: ReceiptJob, run| {
                effects.write(job.number, 0, run).await
            })),
    };
    let _workers = workers.queue("transfers", 8).start()?;
    std::future::pending().await
}

/// Writes down how far the clock of this process is ahead of the database's.
async fn tell_clock(pool: &Pool, worker: &str) -> Result<(), BoxError> {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let text = "INSERT INTO started VALUES ($1, $2 - (extract(epoch FROM clock_timestamp()) * 1000)::bigint)";
    pool.execute(sql(text, [worker.into(), now.into()])).await?;
    Ok(())
}

/// Where handlers of a process write their effects.
#[derive(Clone)]
struct Effects {
    pool: Pool,
    worker: Arc<str>,
}

impl Effects {
    /// Writes the effect and completes the job in one transaction.
    async fn write(self, number: i64, work_ms: u64, run: JobRun) -> Result<JobOutcome, Error> {
        // What blocks does not see that the lease was lost.
        tokio::time::sleep(Duration::from_millis(work_ms)).await;
        let effect = |tx: Transaction| {
            let (run, worker) = (run.clone(), Arc::clone(&self.worker));
            async move {
                let text = "INSERT INTO effect VALUES ($1, $2)";
                tx.execute(sql(text, [number.into(), (*worker).into()])).await?;
                run.complete_in(&tx).await
            }
        };
        match self.pool.transaction(TxOptions::default(), effect).await {
            Ok(outcome) => Ok(outcome),
            Err(JobsError::Stale) => {
                let text = "INSERT INTO refused VALUES ($1)";
                let noted: Result<_, DatabaseError> = self.pool.execute(sql(text, [number.into()])).await;
                noted?;
                Err(JobsError::Stale.into())
            }
            Err(error) => Err(error.into()),
        }
    }
}
