//! A mock of a handler, for tests only. [`MemoryJobStore`](crate::store::MemoryJobStore) is the fake of a store.

use async_trait::async_trait;
use underpin_errors::Error;

use crate::{JobHandler, JobOutcome, JobRun};

mockall::mock! {
    /// A [`JobHandler`] that does what a test expects of it.
    ///
    /// # Examples
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// use std::sync::Arc;
    /// use underpin_jobs::testing::MockJobHandler;
    /// use underpin_jobs::{Enqueue, Job, JobOutcome, JobRoute, Jobs, Workers};
    /// # #[derive(Serialize, Deserialize)] struct SendMail;
    /// # impl Job for SendMail { const KIND: &'static str = "mail.send"; }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), underpin_jobs::JobsError> {
    /// let mut handler = MockJobHandler::new();
    /// handler.expect_run().times(1).returning(|run| {
    ///     assert_eq!(run.kind(), "mail.send");
    ///     Ok(JobOutcome::Done)
    /// });
    /// let jobs = Jobs::in_memory();
    /// jobs.enqueue_committed(&SendMail, Enqueue::default()).await?;
    /// let runner = Workers::builder(&jobs).on(JobRoute::new::<SendMail>(Arc::new(handler))).inline()?;
    /// assert_eq!(runner.run_due().await?.len(), 1);
    /// # Ok(()) }
    /// ```
    #[derive(Debug)]
    pub JobHandler {}

    #[async_trait]
    impl JobHandler for JobHandler {
        async fn run(&self, run: JobRun) -> Result<JobOutcome, Error>;
    }
}
