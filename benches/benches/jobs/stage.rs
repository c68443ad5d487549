//! A database with the tables of jobs, and workers that count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_database::{DatabaseExt, DatabaseSettings, Executor, Pool, TxOptions, connect, sql};
use underpin_jobs::{
    HistoryPolicy, Job, JobOptions, JobOutcome, JobRun, Jobs, JobsError, JobsSettings, Workers, WorkersDrain,
    typed_job_with,
};
use underpin_logger::NoopLogger;
use underpin_testkit::PostgresDatabase;

use super::Done;

pub(crate) const QUEUE: &str = "bench";
/// Jobs that run at once.
pub(crate) const AT_ONCE: usize = 64;

/// A job without work.
#[derive(Serialize, Deserialize)]
pub(crate) struct Noop {
    number: u64,
}

impl From<u64> for Noop {
    fn from(number: u64) -> Self {
        Self { number }
    }
}

impl Job for Noop {
    const KIND: &'static str = "noop";

    fn options() -> JobOptions {
        JobOptions::default().queue(QUEUE)
    }
}

/// The same, without history.
#[derive(Serialize, Deserialize)]
pub(crate) struct Unkept {
    number: u64,
}

impl From<u64> for Unkept {
    fn from(number: u64) -> Self {
        Self { number }
    }
}

impl Job for Unkept {
    const KIND: &'static str = "unkept";

    fn options() -> JobOptions {
        Noop::options().history(HistoryPolicy::Nothing)
    }
}

pub(crate) struct Stage {
    pub(crate) pool: Pool,
    pub(crate) jobs: Jobs,
    // Dropped after what uses it.
    pub(crate) database: PostgresDatabase,
}

impl Stage {
    pub(crate) async fn set() -> Done<Self> {
        let database = PostgresDatabase::fresh().await;
        let pool = connect(&DatabaseSettings::new(database.url()), Arc::new(NoopLogger)).await?;
        let jobs = Jobs::new(&pool, JobsSettings::default())?;
        jobs.migrate().await?;
        Ok(Self { pool, jobs, database })
    }

    /// Enqueues so many jobs in one transaction.
    pub(crate) async fn enqueue<J: Job + From<u64>>(&self, count: u64) -> Done {
        let all: &Vec<J> = &(0..count).map(J::from).collect();
        let work = |tx| async move { self.jobs.enqueue_many(&tx, all).await };
        self.pool.transaction::<_, JobsError, _, _>(TxOptions::default(), work).await?;
        Ok(())
    }

    /// Workers with their defaults, but for the jobs at once.
    pub(crate) fn work<J: Job>(&self) -> Done<Working> {
        let calls = Arc::new(AtomicU64::new(0));
        let route = typed_job_with(Arc::clone(&calls), async |calls: Arc<AtomicU64>, _: J, _: JobRun| {
            calls.fetch_add(1, Ordering::Relaxed);
            Ok(JobOutcome::Done)
        });
        let workers = Workers::builder(&self.jobs).on(route).queue(QUEUE, AT_ONCE).start()?;
        Ok(Working { workers, calls })
    }

    /// A number that the server knows.
    pub(crate) async fn count(&self, text: &str) -> Done<i64> {
        let row = self.pool.query_one(sql(text, [])).await?.ok_or("a row")?;
        Ok(row.try_get_by_index(0)?)
    }

    /// Waits until so many jobs have run and the ends of all are committed.
    pub(crate) async fn until_ended(&self, working: &Working, jobs: u64) -> Done {
        while working.calls() < jobs {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        while self.count("SELECT count(*) FROM (SELECT FROM underpin_job LIMIT 1) one").await? > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}

/// Workers at work.
pub(crate) struct Working {
    workers: Workers,
    calls: Arc<AtomicU64>,
}

impl Working {
    /// How often the handler was called.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(crate) async fn stop(self) -> Done {
        match self.workers.drain(Duration::from_secs(30)).await {
            WorkersDrain::Drained => Ok(()),
            other => Err(format!("the workers did not drain: {other:?}").into()),
        }
    }
}
