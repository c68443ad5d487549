use crate::{CancelOutcome, JobFilter, JobId, JobRecord, JobStatus, Jobs, JobsError, QueueStatus};

/// For operators and status pages.
impl Jobs {
    /// The state of a job; `None` when there is no such job, or no history of it. Serializes for an HTTP handler.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    ///
    /// # Cancel safety
    /// Cancel-safe: it only reads.
    pub async fn get(&self, id: JobId) -> Result<Option<JobStatus>, JobsError> {
        Ok(self.store().inspect(id).await?.map(|record| record.status))
    }

    /// The state of a job, and its payload.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    ///
    /// # Cancel safety
    /// Cancel-safe: it only reads.
    pub async fn inspect(&self, id: JobId) -> Result<Option<JobRecord>, JobsError> {
        self.store().inspect(id).await
    }

    /// Jobs in the order of their ids, from after the one given, at most 1,000. The last id is the cursor of the next page.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    ///
    /// # Cancel safety
    /// Cancel-safe: it only reads.
    pub async fn list(
        &self,
        filter: &JobFilter,
        after: Option<JobId>,
        most: usize,
    ) -> Result<Vec<JobStatus>, JobsError> {
        self.store().list(filter, after, most).await
    }

    /// Cancels a job: a waiting one at once, a running one at its next heartbeat.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    ///
    /// # Cancel safety
    /// Dropped half-way, it may have taken effect; call again.
    pub async fn cancel(&self, id: JobId) -> Result<CancelOutcome, JobsError> {
        self.store().cancel(id).await
    }

    /// Has a dead job run again, with all its attempts; `false` when it is not dead.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    ///
    /// # Cancel safety
    /// Dropped half-way, it may have taken effect; call again.
    pub async fn replay(&self, id: JobId) -> Result<bool, JobsError> {
        let replayed = self.store().replay(id).await?;
        self.wake.notify();
        Ok(replayed)
    }

    /// Deletes a dead job; `false` when it is not dead.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    ///
    /// # Cancel safety
    /// Dropped half-way, it may have taken effect; call again.
    pub async fn discard(&self, id: JobId) -> Result<bool, JobsError> {
        self.store().discard(id).await
    }

    /// Pauses a queue in all processes: no job of it is claimed. Running attempts go on.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    ///
    /// # Cancel safety
    /// Dropped half-way, it may have taken effect; call again.
    pub async fn pause(&self, queue: &str) -> Result<(), JobsError> {
        self.store().set_paused(queue, true).await
    }

    /// Ends the pause of a queue.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    ///
    /// # Cancel safety
    /// Dropped half-way, it may have taken effect; call again.
    pub async fn resume(&self, queue: &str) -> Result<(), JobsError> {
        self.store().set_paused(queue, false).await?;
        self.wake.notify();
        Ok(())
    }

    /// Counts by queue, kind and version, also of those that no worker knows. Each count stops at about 10,000.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    ///
    /// # Cancel safety
    /// Cancel-safe: it only reads.
    pub async fn queues(&self) -> Result<Vec<QueueStatus>, JobsError> {
        self.store().queues().await
    }
}
