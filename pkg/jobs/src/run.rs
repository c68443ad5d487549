use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use underpin_database::InTransaction;
use underpin_logger::Context;

use crate::headers::context_of;
use crate::outcome::CompletedIn;
use crate::store::{Claimed, complete_in};
use crate::{HistoryPolicy, Job, JobId, JobOutcome, JobsError, Progress, RunId};

/// One attempt at a job, as its handler sees it. Cheap to clone: the closure of a transaction may run more than once.
#[derive(Clone)]
pub struct JobRun(Arc<Run>);

struct Run {
    claimed: Claimed,
    context: Context,
    keep: bool,
    cancelled: CancellationToken,
    draining: CancellationToken,
    /// The latest progress, until it is written.
    progress: Mutex<ProgressState>,
}

#[derive(Default)]
struct ProgressState {
    latest: Progress,
    is_unwritten: bool,
}

impl JobRun {
    pub(crate) fn new(claimed: Claimed, history: HistoryPolicy, draining: CancellationToken) -> Self {
        Self(Arc::new(Run {
            context: context_of(&claimed.headers),
            claimed,
            keep: history == HistoryPolicy::All,
            cancelled: CancellationToken::new(),
            draining,
            progress: Mutex::default(),
        }))
    }

    /// An attempt for the test of a handler, without a store. Its job is in no database, so
    /// [`complete_in`](Self::complete_in) fails.
    ///
    /// # Errors
    /// [`JobsError::Encode`].
    ///
    /// # Examples
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// use underpin_jobs::{Job, JobRun};
    /// # #[derive(Serialize, Deserialize)] struct SendMail { to: String }
    /// # impl Job for SendMail { const KIND: &'static str = "mail.send"; }
    ///
    /// let run = JobRun::of(&SendMail { to: "ada@example.org".into() })?;
    /// assert_eq!((run.kind(), run.attempt()), ("mail.send", 1));
    /// assert_eq!(run.payload::<SendMail>()?.to, "ada@example.org");
    /// # Ok::<(), underpin_jobs::JobsError>(())
    /// ```
    pub fn of<J: Job>(job: &J) -> Result<Self, JobsError> {
        let payload =
            serde_json::to_string(job).map_err(|source| JobsError::Encode { kind: J::KIND, source })?;
        let claimed = Claimed {
            run: RunId { job: JobId::generate(), token: 1 },
            queue: J::options().queue.to_owned(),
            kind: J::KIND.to_owned(),
            version: J::VERSION,
            attempt: 1,
            waited: std::time::Duration::ZERO,
            payload,
            headers: "{}".to_owned(),
            place: String::new(),
        };
        Ok(Self::new(claimed, J::options().history, CancellationToken::new()))
    }

    /// The job.
    pub fn job(&self) -> JobId {
        self.0.claimed.run.job
    }

    /// The attempt with its fencing token, for systems that check it.
    pub fn id(&self) -> RunId {
        self.0.claimed.run
    }

    /// The number of the attempt, from 1.
    pub fn attempt(&self) -> u32 {
        self.0.claimed.attempt
    }

    /// The kind of the job.
    pub fn kind(&self) -> &str {
        &self.0.claimed.kind
    }

    /// The queue.
    pub fn queue(&self) -> &str {
        &self.0.claimed.queue
    }

    /// The version of the payload: at most that of the handler.
    pub fn version(&self) -> u32 {
        self.0.claimed.version
    }

    /// Request id, trace and organization: those of the producer.
    pub fn context(&self) -> &Context {
        &self.0.context
    }

    /// The payload.
    ///
    /// # Errors
    /// [`JobsError::Decode`].
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, JobsError> {
        serde_json::from_str(&self.0.claimed.payload).map_err(JobsError::Decode)
    }

    /// Reports how far the job is. The store gets the latest report once a second at most. Units done never fall.
    pub fn progress(&self, progress: Progress) {
        let mut state = self.0.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let note = progress.note.map(|note| note.chars().filter(|c| !c.is_control()).take(1000).collect());
        state.latest.merge(Progress { note, ..progress });
        state.is_unwritten = true;
    }

    /// Waits until the job is to be cancelled, or is lost to another attempt. The future of the handler is dropped some
    /// seconds later.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn cancelled(&self) {
        self.0.cancelled.cancelled().await;
    }

    /// Whether the job is to be cancelled; for work that blocks.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.is_cancelled()
    }

    /// Waits until the workers of this process are drained. A handler that takes long may store what it has and return
    /// [`JobOutcome::Snooze`]; otherwise the job is given back when the drain ends.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn draining(&self) {
        self.0.draining.cancelled().await;
    }

    /// Completes the job in the caller's transaction, so that the effects of the handler happen once: with the completion or
    /// not at all. Return the outcome after the commit.
    ///
    /// # Errors
    /// [`JobsError::Stale`] when another attempt has the job: roll back. [`JobsError::Database`].
    ///
    /// # Cancel safety
    /// Dropped half-way, the transaction can only be rolled back.
    pub async fn complete_in(&self, tx: &dyn InTransaction) -> Result<JobOutcome, JobsError> {
        let run = self.id();
        let done = complete_in(tx, run, self.0.keep).await.map_err(JobsError::during("complete a job"))?;
        if done { Ok(JobOutcome::CompletedInTransaction(CompletedIn(run))) } else { Err(JobsError::Stale) }
    }

    pub(crate) fn cancel(&self) {
        self.0.cancelled.cancel();
    }

    /// The progress that was reported since the last call.
    pub(crate) fn take_progress(&self) -> Option<Progress> {
        let mut state = self.0.progress.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.is_unwritten).then(|| state.latest.clone())
    }
}

impl fmt::Debug for JobRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobRun").field("id", &self.id()).field("kind", &self.kind()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Import;

    impl Job for Import {
        const KIND: &'static str = "import";
    }

    #[test]
    fn units_done_never_fall_and_are_taken_once() {
        let run = JobRun::of(&Import).unwrap();
        assert_eq!(run.take_progress(), None);
        run.progress(Progress::new(5, 10).note("rows\n"));
        run.progress(Progress::new(3, 10).note("more\0"));
        assert_eq!(run.take_progress(), Some(Progress::new(5, 10).note("more")));
        assert_eq!(run.take_progress(), None);
    }
}
