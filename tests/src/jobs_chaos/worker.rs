use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_database::{
    DatabaseError, DatabaseExt, DatabaseSettings, Executor, Pool, Transaction, TxOptions, connect, sql,
};
use underpin_errors::{BoxError, Error};
use underpin_jobs::cron::CronEntry;
use underpin_jobs::{
    Job, JobOptions, JobOutcome, JobRun, Jobs, JobsError, JobsSettings, Workers, WorkersSettings, typed_job,
    typed_job_with,
};
use underpin_logger::NoopLogger;

/// What a worker process is to do, as JSON in an environment variable.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkerTask {
    /// The database.
    pub url: String,
    /// How long a job stays with a process that does not renew its lease.
    pub lease_ms: u64,
}

impl WorkerTask {
    /// The environment variable.
    pub const VARIABLE: &str = "UNDERPIN_JOBS_CHAOS_WORKER";
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
                CREATE TABLE IF NOT EXISTS effect (number bigint NOT NULL); \
                CREATE TABLE IF NOT EXISTS refused (number bigint NOT NULL)";
    pool.batch(text).await?;
    Ok(())
}

/// Works until it is killed.
///
/// # Errors
/// When it cannot begin.
pub async fn work() -> Result<(), BoxError> {
    let task: WorkerTask = serde_json::from_str(&std::env::var(WorkerTask::VARIABLE)?)?;
    let mut settings = DatabaseSettings::new(task.url.as_str());
    settings.acquire_timeout = Duration::from_secs(30);
    settings.connect_timeout = Duration::from_secs(60);
    let pool = connect(&settings, Arc::new(NoopLogger)).await?;
    let jobs = Jobs::new(&pool, JobsSettings::default())?;
    let settings = WorkersSettings::default()
        .lease(Duration::from_millis(task.lease_ms))
        .poll(Duration::from_millis(100))
        .rescues(3);
    let _workers = Workers::builder(&jobs)
        .settings(settings)
        .on(typed_job_with(pool, transfer))
        .on(typed_job(async |_: Poison, _: JobRun| -> Result<JobOutcome, Error> { std::process::abort() }))
        .on(typed_job(async |_: Pulse, _: JobRun| Ok(JobOutcome::Done)))
        .queue("transfers", 8)
        .cron(CronEntry::new("pulse", "* * * * * *", &Pulse))
        .start()?;
    std::future::pending().await
}

/// Writes the effect and completes the job in one transaction.
async fn transfer(pool: Pool, transfer: TransferJob, run: JobRun) -> Result<JobOutcome, Error> {
    // What blocks does not see that the lease was lost.
    tokio::time::sleep(Duration::from_millis(transfer.work_ms)).await;
    let effect = |tx: Transaction| {
        let run = run.clone();
        async move {
            tx.execute(sql("INSERT INTO effect VALUES ($1)", [transfer.number.into()])).await?;
            run.complete_in(&tx).await
        }
    };
    match pool.transaction(TxOptions::default(), effect).await {
        Ok(outcome) => Ok(outcome),
        Err(JobsError::Stale) => {
            let text = "INSERT INTO refused VALUES ($1)";
            let noted: Result<_, DatabaseError> = pool.execute(sql(text, [transfer.number.into()])).await;
            noted?;
            Err(JobsError::Stale.into())
        }
        Err(error) => Err(error.into()),
    }
}
