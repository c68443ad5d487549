use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use underpin_database::wake::WakeSignal;
use underpin_database::{InTransaction, Pool};
use underpin_logger::Context;

use crate::headers::create_span;
use crate::store::{AwakeQueues, DatabaseJobStore, MemoryJobStore, NewJob, Store, insert_in};
use crate::{Enqueue, Enqueued, Job, JobId, JobsError, JobsSettings};

/// The longest name of a queue or kind in bytes; both are part of an index.
const MAX_NAME: usize = 128;
/// The longest unique key in bytes.
const MAX_KEY: usize = 1024;

/// Enqueues jobs, shows them and cancels them. Cheap to clone; clones share the signal that wakes the workers of this process.
#[derive(Clone)]
pub struct Jobs {
    store: Arc<dyn Store>,
    /// Where to listen for NOTIFY, and whose transactions to take.
    pool: Option<Pool>,
    settings: JobsSettings,
    awake: Arc<AwakeQueues>,
    pub(crate) wake: WakeSignal,
}

impl Jobs {
    /// Jobs in the database of a pool.
    ///
    /// # Errors
    /// [`JobsError::Setting`].
    pub fn new(pool: &Pool, settings: JobsSettings) -> Result<Self, JobsError> {
        JobsError::check(&settings)?;
        let store = Arc::new(DatabaseJobStore::new(Arc::new(pool.clone()), settings.database_timeout));
        let (awake, wake) = Default::default();
        Ok(Self { store, pool: Some(pool.clone()), settings, awake, wake })
    }

    /// Jobs in memory, gone with the process. There is no transaction to enqueue in:
    /// [`enqueue_committed`](Self::enqueue_committed) works.
    pub fn in_memory() -> Self {
        Self::over(Arc::new(MemoryJobStore::default()))
    }

    /// Jobs in another implementation of [`Store`].
    pub fn over(store: Arc<dyn Store>) -> Self {
        let (settings, awake, wake) = Default::default();
        Self { store, pool: None, settings, awake, wake }
    }

    /// Creates or completes the tables in the default schema of the database. Idempotent; also while others work.
    ///
    /// # Errors
    /// [`JobsError::Database`].
    ///
    /// # Cancel safety
    /// Cancel-safe: each step is one transaction.
    pub async fn migrate(&self) -> Result<(), JobsError> {
        self.store.migrate().await
    }

    /// Enqueues a job in the caller's transaction: it runs if and only if the transaction commits.
    ///
    /// # Errors
    /// - [`JobsError::Encode`], [`JobsError::TooLarge`], [`JobsError::Name`], [`JobsError::OtherDatabase`]: nothing was sent to
    ///   the database, the transaction can go on.
    /// - [`JobsError::Database`]; the transaction can then only be rolled back.
    ///
    /// # Cancel safety
    /// Dropped half-way, the transaction can only be rolled back.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use serde::{Deserialize, Serialize};
    /// # use underpin_database::{DatabaseExt, DatabaseSettings, TxOptions, connect};
    /// # use underpin_jobs::{Job, Jobs, JobsError, JobsSettings, JobState};
    /// # #[derive(Serialize, Deserialize)] struct SendMail { to: String }
    /// # impl Job for SendMail { const KIND: &'static str = "mail.send"; }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = connect(&DatabaseSettings::new("sqlite::memory:"), Arc::new(underpin_logger::NoopLogger)).await?;
    /// let jobs = &Jobs::new(&pool, JobsSettings::default())?;
    /// jobs.migrate().await?;
    /// let enqueued = pool
    ///     .transaction(TxOptions::default(), |tx| async move {
    ///         // ... the change itself, on `tx` ...
    ///         jobs.enqueue(&tx, &SendMail { to: "ada@example.org".into() }).await
    ///     })
    ///     .await?;
    /// let status = jobs.get(enqueued.id()).await?.expect("it is committed");
    /// assert_eq!(status.state, JobState::Waiting);
    /// # Ok(()) }
    /// ```
    ///
    /// ```compile_fail,E0277
    /// # async fn wrong(jobs: underpin_jobs::Jobs, pool: underpin_database::Pool, job: impl underpin_jobs::Job) {
    /// jobs.enqueue(&pool, &job).await;
    /// # }
    /// ```
    pub async fn enqueue<J: Job>(&self, tx: &dyn InTransaction, job: &J) -> Result<Enqueued, JobsError> {
        self.enqueue_with(tx, job, Enqueue::default()).await
    }

    /// Enqueues a job as [`enqueue`](Self::enqueue) does, with a due time, a priority or a unique key.
    ///
    /// # Errors
    /// As for [`enqueue`](Self::enqueue).
    ///
    /// # Cancel safety
    /// As for [`enqueue`](Self::enqueue).
    pub async fn enqueue_with<J: Job>(
        &self,
        tx: &dyn InTransaction,
        job: &J,
        how: Enqueue,
    ) -> Result<Enqueued, JobsError> {
        let (context, mut row) = self.row(job, how)?;
        let mut span = create_span::<J>(&context, std::slice::from_mut(&mut row));
        let enqueued = span.watch(self.insert(tx, std::slice::from_ref(&row)).await)?;
        Ok(enqueued.first().copied().unwrap_or(Enqueued::New(row.id)))
    }

    /// Enqueues many jobs of one kind, a thousand in one statement, in the order given. All continue the trace at one span.
    ///
    /// # Errors
    /// As for [`enqueue`](Self::enqueue).
    ///
    /// # Cancel safety
    /// As for [`enqueue`](Self::enqueue).
    pub async fn enqueue_many<J: Job>(
        &self,
        tx: &dyn InTransaction,
        jobs: &[J],
    ) -> Result<Vec<JobId>, JobsError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let context = Context::current();
        let mut rows: Vec<NewJob> = jobs
            .iter()
            .map(|job| Ok(self.row(job, Enqueue::default().context(&context))?.1))
            .collect::<Result<_, JobsError>>()?;
        let mut span = create_span::<J>(&context, &mut rows);
        Ok(span.watch(self.insert(tx, &rows).await)?.into_iter().map(Enqueued::id).collect())
    }

    /// Enqueues a job and commits: for callers without a transaction, that change nothing else.
    ///
    /// # Errors
    /// As for [`enqueue`](Self::enqueue); with [`JobsError::TimedOut`], and after an ambiguous COMMIT, the job may be enqueued.
    ///
    /// # Cancel safety
    /// Dropped half-way, the job may be enqueued or not.
    pub async fn enqueue_committed<J: Job>(&self, job: &J, how: Enqueue) -> Result<Enqueued, JobsError> {
        let (context, mut row) = self.row(job, how)?;
        let mut span = create_span::<J>(&context, std::slice::from_mut(&mut row));
        let enqueued = span.watch(self.store.insert(std::slice::from_ref(&row)).await)?;
        self.wake.notify();
        Ok(enqueued.first().copied().unwrap_or(Enqueued::New(row.id)))
    }

    async fn insert(&self, tx: &dyn InTransaction, rows: &[NewJob]) -> Result<Vec<Enqueued>, JobsError> {
        if self.pool.as_ref().map(Pool::backend) != Some(tx.backend()) {
            return Err(JobsError::OtherDatabase);
        }
        let enqueued = insert_in(tx, rows, &self.awake).await.map_err(JobsError::during("enqueue a job"))?;
        // The rows are not committed yet: the workers of this process poll a few times in the next milliseconds.
        self.wake.notify();
        Ok(enqueued)
    }

    /// The row of a job, without its headers, and the context that the job continues.
    fn row<J: Job>(&self, job: &J, how: Enqueue) -> Result<(Context, NewJob), JobsError> {
        let options = J::options();
        let payload =
            serde_json::to_string(job).map_err(|source| JobsError::Encode { kind: J::KIND, source })?;
        let limit = self.settings.max_payload.as_usize();
        if payload.len() > limit {
            return Err(JobsError::TooLarge { size: payload.len(), limit });
        }
        JobsError::check_name("kind", J::KIND, MAX_NAME)?;
        JobsError::check_name("queue", options.queue, MAX_NAME)?;
        if let Some(unique) = &how.unique {
            JobsError::check_name("unique key", unique.key(), MAX_KEY)?;
        }
        crate::meters::enqueued(J::KIND, 1);
        let row = NewJob {
            version: J::VERSION,
            priority: how.priority.unwrap_or(options.priority).min(9),
            aging: options.aging.min(Duration::from_secs(3600)),
            after: how.after,
            at: how.at,
            unique: how.unique,
            ..NewJob::new(J::KIND, options.queue, payload)
        };
        Ok((how.context.unwrap_or_else(Context::current), row))
    }

    /// The store below.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(crate) fn pool(&self) -> Option<&Pool> {
        self.pool.as_ref()
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").field("settings", &self.settings).finish_non_exhaustive()
    }
}
