use std::time::Duration;

use async_trait::async_trait;

use crate::{CancelOutcome, JobFilter, JobId, JobRecord, JobStatus, JobsError, QueueStatus};

/// What operators and status pages ask of a store.
///
/// Every call is bounded and commits by itself. All are cancel-safe: dropped half-way, a call may have taken effect or not.
#[async_trait]
pub trait JobAdmin: Send + Sync + 'static {
    /// Creates or completes the tables. Idempotent; any number of processes may call it at once, also while others work.
    ///
    /// # Errors
    /// [`JobsError::Database`].
    async fn migrate(&self) -> Result<(), JobsError>;

    /// A job with its payload.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    async fn inspect(&self, id: JobId) -> Result<Option<JobRecord>, JobsError>;

    /// Jobs in the order of their ids, from after the one given, at most so many (and at most 1,000).
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    async fn list(
        &self,
        filter: &JobFilter,
        after: Option<JobId>,
        most: usize,
    ) -> Result<Vec<JobStatus>, JobsError>;

    /// Cancels a job: a waiting one at once, a running one at its next heartbeat.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    async fn cancel(&self, id: JobId) -> Result<CancelOutcome, JobsError>;

    /// Has a dead job run again, with all its attempts. `false` when it is not dead.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    async fn replay(&self, id: JobId) -> Result<bool, JobsError>;

    /// Deletes a dead job. `false` when it is not dead.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    async fn discard(&self, id: JobId) -> Result<bool, JobsError>;

    /// Pauses a queue, or has it go on. Running attempts are not touched.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    async fn set_paused(&self, queue: &str, paused: bool) -> Result<(), JobsError>;

    /// Counts by queue, kind and version; also of kinds that no worker knows. Each count stops at about 10,000.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    async fn queues(&self) -> Result<Vec<QueueStatus>, JobsError>;

    /// Deletes history that is older, expired unique keys and old ticks, at most so many of each. Returns how many in all.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    async fn sweep(&self, keep: Duration, most: u32) -> Result<u64, JobsError>;
}

const _: fn(&dyn JobAdmin) = |_| ();
