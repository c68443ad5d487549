//! What the tests share: databases, jobs, short waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_database::{DatabaseExt, DatabaseSettings, Executor, Pool, TxOptions, connect, sql};
use underpin_jobs::{
    Job, JobId, JobOptions, JobOutcome, JobRoute, JobRun, JobState, Jobs, JobsError, JobsSettings,
    WorkersSettings, typed_job_with,
};
use underpin_logger::NoopLogger;
use underpin_testkit::PostgresDatabase;

/// A limit for everything that a test waits for.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A database for one test.
pub(crate) struct TestDatabase {
    pub(crate) pool: Pool,
    /// Dropped after the pool.
    pub(crate) postgres: Option<PostgresDatabase>,
    _folder: Option<tempfile::TempDir>,
}

impl TestDatabase {
    pub(crate) async fn postgres() -> Self {
        let postgres = PostgresDatabase::fresh().await;
        Self { pool: pool(postgres.url()).await, postgres: Some(postgres), _folder: None }
    }

    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}?mode=rwc", folder.path().join("test.db").display());
        Self { pool: pool(&url).await, postgres: None, _folder: Some(folder) }
    }

    pub(crate) async fn jobs(&self) -> Jobs {
        let jobs = jobs(&self.pool);
        jobs.migrate().await.unwrap();
        jobs
    }
}

pub(crate) fn jobs(pool: &Pool) -> Jobs {
    Jobs::new(pool, JobsSettings::default().database_timeout(LIMIT)).unwrap()
}

pub(crate) async fn pool(url: &str) -> Pool {
    let mut settings = DatabaseSettings::new(url);
    settings.max_open = 10;
    // A busy machine is no reason to fail.
    settings.acquire_timeout = LIMIT;
    settings.connect_timeout = LIMIT;
    connect(&settings, Arc::new(NoopLogger)).await.unwrap()
}

/// Settings with which a test need not wait for long. The lease outlasts a busy machine.
pub(crate) fn quick() -> WorkersSettings {
    WorkersSettings::default().poll(Duration::from_millis(200))
}

pub(crate) async fn count(pool: &Pool, text: &str) -> i64 {
    pool.query_one(sql(text, [])).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// A job with a number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) number: u64,
}

impl Job for Work {
    const KIND: &'static str = "work";

    fn options() -> JobOptions {
        JobOptions::default().queue("main").backoff(Duration::from_millis(10), Duration::from_millis(50))
    }
}

pub(crate) fn work(number: u64) -> Work {
    Work { number }
}

/// [`underpin_testkit::eventually`] within [`LIMIT`].
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, holds: impl FnMut() -> F) {
    underpin_testkit::eventually(LIMIT, what, holds).await;
}

/// Enqueues in one transaction, in the order of the numbers.
pub(crate) async fn enqueue(jobs: &Jobs, pool: &Pool, numbers: impl Iterator<Item = u64>) -> Vec<JobId> {
    let all: &Vec<Work> = &numbers.map(work).collect();
    let work = |tx| async move { jobs.enqueue_many(&tx, all).await };
    pool.transaction::<_, JobsError, _, _>(TxOptions::default(), work).await.unwrap()
}

pub(crate) async fn state(jobs: &Jobs, id: JobId) -> Option<JobState> {
    jobs.get(id).await.unwrap().map(|status| status.state)
}

/// A handler that counts its calls by number.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<HashMap<u64, u32>>>);

impl Calls {
    pub(crate) fn add(&self, number: u64) -> u32 {
        let mut calls = self.0.lock().unwrap();
        let count = calls.entry(number).or_default();
        *count += 1;
        *count
    }

    pub(crate) fn of(&self, number: u64) -> u32 {
        self.0.lock().unwrap().get(&number).copied().unwrap_or(0)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// A route that counts and is done.
    pub(crate) fn route(&self) -> JobRoute {
        typed_job_with(self.clone(), async |calls: Calls, work: Work, _: JobRun| {
            calls.add(work.number);
            Ok(JobOutcome::Done)
        })
    }
}

/// A job of another kind, of which two run at once.
#[derive(Serialize, Deserialize)]
pub(crate) struct Slow;

impl Job for Slow {
    const KIND: &'static str = "slow";

    fn options() -> JobOptions {
        JobOptions::default().queue("main").concurrency(2)
    }
}
