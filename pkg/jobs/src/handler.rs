use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use underpin_errors::Error;

use crate::{Job, JobOptions, JobOutcome, JobRun};

/// Runs attempts of one kind of job.
///
/// Attempts run concurrently. The same job can run again after any outcome but an end, also while an attempt that has lost its
/// lease is still running: at least once. [`JobRun::complete_in`] has the effects happen once.
#[async_trait]
pub trait JobHandler: Send + Sync + 'static {
    /// Runs one attempt.
    ///
    /// # Errors
    /// A client error (4xx) that a retry cannot help counts as [`JobOutcome::Dead`], any other error as
    /// [`JobOutcome::Retry`], after its `retry_after` if it has one.
    ///
    /// # Cancel safety
    /// The future is dropped at the timeout of the kind, after a cancellation, when the lease is lost, and when the workers
    /// stop. Work that was moved to other tasks or threads goes on: it must watch [`JobRun::is_cancelled`].
    async fn run(&self, run: JobRun) -> Result<JobOutcome, Error>;
}

const _: fn(&dyn JobHandler) = |_| ();

/// A handler with its kind, version and options: what workers take.
#[derive(Clone)]
#[non_exhaustive]
pub struct JobRoute {
    /// The kind.
    pub kind: &'static str,
    /// The latest version of the payload that the handler reads.
    pub version: u32,
    /// Queue, attempts, timeout, concurrency and history.
    pub options: JobOptions,
    /// The handler.
    pub handler: Arc<dyn JobHandler>,
}

impl JobRoute {
    /// The route of a handler that decodes the payload itself.
    pub fn new<J: Job>(handler: Arc<dyn JobHandler>) -> Self {
        Self { kind: J::KIND, version: J::VERSION, options: J::options(), handler }
    }
}

impl fmt::Debug for JobRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobRoute")
            .field("kind", &self.kind)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// The route of a function that takes the decoded job. A payload that does not decode makes the job dead.
///
/// An async closure works while it captures nothing; [`typed_job_with`] hands state to it.
///
/// # Examples
/// ```
/// use serde::{Deserialize, Serialize};
/// use underpin_jobs::{Job, JobOutcome, JobRun, typed_job};
///
/// #[derive(Serialize, Deserialize)]
/// struct SendMail { to: String }
///
/// impl Job for SendMail { const KIND: &'static str = "mail.send"; }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let route = typed_job(async |mail: SendMail, _run: JobRun| {
///     assert_eq!(mail.to, "ada@example.org");
///     Ok(JobOutcome::Done)
/// });
/// let run = JobRun::of(&SendMail { to: "ada@example.org".into() })?;
/// assert_eq!(route.handler.run(run).await.unwrap(), JobOutcome::Done);
/// # Ok(()) }
/// ```
pub fn typed_job<J, F, Fut>(handler: F) -> JobRoute
where
    J: Job,
    F: Fn(J, JobRun) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<JobOutcome, Error>> + Send + 'static,
{
    JobRoute::new::<J>(Arc::new(Typed(handler, PhantomData)))
}

/// The route of a function that takes a clone of some state and the decoded job.
///
/// # Examples
/// ```
/// # use serde::{Deserialize, Serialize};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use underpin_jobs::{Job, JobOutcome, JobRun, typed_job_with};
/// # #[derive(Serialize, Deserialize)] struct SendMail;
/// # impl Job for SendMail { const KIND: &'static str = "mail.send"; }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sent = Arc::new(AtomicU32::new(0));
/// let route = typed_job_with(Arc::clone(&sent), async |sent: Arc<AtomicU32>, _: SendMail, _: JobRun| {
///     sent.fetch_add(1, Ordering::Relaxed);
///     Ok(JobOutcome::Done)
/// });
/// route.handler.run(JobRun::of(&SendMail)?).await.unwrap();
/// assert_eq!(sent.load(Ordering::Relaxed), 1);
/// # Ok(()) }
/// ```
pub fn typed_job_with<S, J, F, Fut>(state: S, handler: F) -> JobRoute
where
    S: Clone + Send + Sync + 'static,
    J: Job,
    F: Fn(S, J, JobRun) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<JobOutcome, Error>> + Send + 'static,
{
    typed_job(move |job, run| handler(state.clone(), job, run))
}

struct Typed<J, F>(F, PhantomData<fn(J)>);

#[async_trait]
impl<J, F, Fut> JobHandler for Typed<J, F>
where
    J: Job,
    F: Fn(J, JobRun) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<JobOutcome, Error>> + Send + 'static,
{
    async fn run(&self, run: JobRun) -> Result<JobOutcome, Error> {
        match run.payload() {
            Ok(job) => (self.0)(job, run).await,
            Err(error) => Ok(JobOutcome::dead(underpin_errors::Report(&error).to_string())),
        }
    }
}
