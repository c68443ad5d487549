use std::time::Duration;

use async_trait::async_trait;

use super::types::{Claim, Claimed, Heartbeat, KnownKind, NewJob, Rescue};
use super::verdict::{FinishReport, Finished};
use crate::{Enqueued, JobsError, Progress, RunId};

/// The state machine of jobs: what workers ask of a store.
///
/// Every call is bounded and commits by itself, all of it or nothing. None retries. The clock is that of the store. All are
/// cancel-safe: dropped half-way, a call may have taken effect or not.
#[async_trait]
pub trait JobStore: Send + Sync + 'static {
    /// Inserts jobs, in order.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`]. Nothing is inserted then, unless the outcome of COMMIT is unknown.
    async fn insert(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, JobsError>;

    /// Claims jobs that are due: in each queue by rank (due time and priority), never more than asked for, never of a paused
    /// queue, never of a kind or version that is not asked for. The attempt counts from now on.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`]. What was claimed then is rescued when its lease has expired.
    async fn claim(&self, claim: &Claim) -> Result<Vec<Claimed>, JobsError>;

    /// Ends attempts. One that has lost its job changes nothing and is reported. Idempotent: what was finished before is
    /// stale.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`]: call again.
    async fn finish(&self, results: &[Finished]) -> Result<FinishReport, JobsError>;

    /// Extends the leases of attempts. What is missing in the answer has lost its job.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    async fn heartbeat(&self, runs: &[RunId], lease: Duration) -> Result<Vec<Heartbeat>, JobsError>;

    /// Writes the progress of attempts. One that has lost its job changes nothing.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    async fn progress(&self, reports: &[(RunId, Progress)]) -> Result<(), JobsError>;

    /// Takes jobs of these kinds from attempts whose leases have expired, at most a hundred. A job that was lost more than
    /// `most` times is dead. From the second time on it waits for a random part of 2, 4, .. 64 seconds: a job that kills its
    /// process must not take the same others with it.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    async fn rescue(&self, kinds: &[KnownKind], most: u32) -> Result<Vec<Rescue>, JobsError>;

    /// Prepares the queues for sleeping (`true`) or busy workers: whether producers send a NOTIFY for them. Creates them if
    /// they are new.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    async fn set_notify(&self, queues: &[String], notify: bool) -> Result<(), JobsError>;
}

const _: fn(&dyn JobStore) = |_| ();
