use std::fmt;

use super::in_flight::Interrupts;
use super::shared::Shared;
use crate::store::Claimed;
use crate::{JobId, JobOutcome, JobsError};

/// Runs jobs where it is awaited, one after the other, in the order of their ranks: for tests.
///
/// Made by [`WorkersBuilder::inline`](crate::WorkersBuilder::inline). Nothing runs in the background, so a job cannot be
/// cancelled while it runs and no progress is written.
///
/// # Examples
/// ```
/// # use serde::{Deserialize, Serialize};
/// use underpin_jobs::{Enqueue, Job, JobOutcome, JobRun, Jobs, Workers, typed_job};
/// # #[derive(Serialize, Deserialize)] struct SendMail { to: String }
/// # impl Job for SendMail { const KIND: &'static str = "mail.send"; }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), underpin_jobs::JobsError> {
/// let jobs = Jobs::in_memory();
/// let handler = typed_job(async |mail: SendMail, _: JobRun| match mail.to.as_str() {
///     "" => Ok(JobOutcome::dead("no address")),
///     _ => Ok(JobOutcome::Done),
/// });
/// let runner = Workers::builder(&jobs).on(handler).inline()?;
///
/// jobs.enqueue_committed(&SendMail { to: String::new() }, Enqueue::default()).await?;
/// let attempts = runner.run_due().await?;
/// assert_eq!(attempts[0].outcome, JobOutcome::dead("no address"));
/// # Ok(()) }
/// ```
pub struct InlineRunner {
    shared: Shared,
}

/// One attempt of an [`InlineRunner`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InlineAttempt {
    /// The job.
    pub job: JobId,
    /// Its kind.
    pub kind: String,
    /// How the attempt ended.
    pub outcome: JobOutcome,
}

impl InlineRunner {
    pub(super) fn new(shared: Shared) -> Self {
        Self { shared }
    }

    /// Runs what is due, also what becomes due meanwhile, until nothing is.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`]; [`JobsError::Stale`] when another worker took a job meanwhile.
    ///
    /// # Cancel safety
    /// The job that was running waits for its lease to expire.
    pub async fn run_due(&self) -> Result<Vec<InlineAttempt>, JobsError> {
        let (shared, mut attempts) = (&self.shared, Vec::new());
        while let Some(claim) = shared.claim(1) {
            let claimed = shared.store.claim(&claim).await?;
            if claimed.is_empty() {
                break;
            }
            for job in claimed {
                attempts.extend(self.run_one(job).await?);
            }
        }
        Ok(attempts)
    }

    async fn run_one(&self, claimed: Claimed) -> Result<Option<InlineAttempt>, JobsError> {
        let shared = &self.shared;
        let Some(route) = shared.routes.get(&claimed.kind) else { return Ok(None) };
        let run = shared.runner.attempt(claimed, route);
        let (outcome, finished) = shared.runner.run(&run, route, &Interrupts::default()).await;
        let (Some(outcome), Some(finished)) = (outcome, finished) else { return Ok(None) };
        if !shared.store.finish(&[finished]).await?.stale.is_empty() {
            return Err(JobsError::Stale);
        }
        Ok(Some(InlineAttempt { job: run.job(), kind: run.kind().to_owned(), outcome }))
    }
}

impl fmt::Debug for InlineRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InlineRunner").finish_non_exhaustive()
    }
}
