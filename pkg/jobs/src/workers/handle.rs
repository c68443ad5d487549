use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use underpin_database::wake::forward;
use underpin_errors::{Health, HealthCheck};

use super::completer::complete;
use super::dispatcher::Dispatcher;
use super::maintenance::{keep, maintain};
use super::shared::Shared;
use crate::Jobs;
use crate::store::CHANNEL;

/// Runs jobs in background tasks, until they are drained.
///
/// Any number of processes work on the same queues. Each claims jobs of the kinds that it knows, with a lease and a fencing
/// token; jobs of a process that does not renew its leases go to the others after [`WorkersSettings::lease`](crate::WorkersSettings::lease). Handlers may run
/// more than once; see [`JobHandler`](crate::JobHandler).
///
/// Workers never give up: while the database does not answer they back off, report it in their health, and recover by
/// themselves. They are a [`HealthCheck`] named `jobs`; trouble is `degraded`, since a service can accept work all the same.
///
/// End them with [`Workers::drain`]. Dropping them stops all attempts at once; their jobs wait for the leases to expire.
///
/// # Examples
/// ```
/// # use std::{sync::Arc, time::Duration};
/// # use serde::{Deserialize, Serialize};
/// use underpin_jobs::{Enqueue, Job, JobOutcome, JobRun, Jobs, Workers, WorkersDrain, typed_job_with};
///
/// #[derive(Serialize, Deserialize)]
/// struct SendMail { to: String }
///
/// impl Job for SendMail { const KIND: &'static str = "mail.send"; }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let jobs = Jobs::in_memory();
/// let (sent, mut mails) = tokio::sync::mpsc::unbounded_channel();
/// let workers = Workers::builder(&jobs)
///     .on(typed_job_with(sent, async |sent: tokio::sync::mpsc::UnboundedSender<String>, mail: SendMail, _: JobRun| {
///         sent.send(mail.to).ok();
///         Ok(JobOutcome::Done)
///     }))
///     .queue("default", 4)
///     .start()?;
///
/// jobs.enqueue_committed(&SendMail { to: "ada@example.org".into() }, Enqueue::default()).await?;
/// assert_eq!(mails.recv().await.as_deref(), Some("ada@example.org"));
/// assert_eq!(workers.drain(Duration::from_secs(5)).await, WorkersDrain::Drained);
/// # Ok(()) }
/// ```
pub struct Workers {
    shared: Arc<Shared>,
    task: Mutex<Option<AbortOnDropHandle<()>>>,
}

impl Workers {
    pub(super) fn spawn(
        shared: Arc<Shared>,
        jobs: &Jobs,
        cron: impl Future<Output = Infallible> + Send + 'static,
    ) -> Self {
        let (sender, ends) = mpsc::unbounded_channel();
        let wake = shared.wake.clone();
        let dispatcher = Dispatcher::new(Arc::clone(&shared), sender, wake.listen());
        let (pool, log) = (jobs.pool().cloned(), Arc::clone(&shared.runner.log));
        let (working, draining) = (Arc::clone(&shared), shared.runner.draining.clone());
        let task = tokio::spawn(async move {
            // However this ends: by a drain, a panic, or with the task.
            let _ended = working.status.ended.clone().drop_guard();
            let listen = async move {
                match pool {
                    Some(pool) => forward(pool, CHANNEL, log, move |_| wake.notify()).await,
                    None => std::future::pending().await,
                }
            };
            // The ends of the attempts reach the completer before the dispatcher is through.
            let work = async {
                tokio::join!(dispatcher.run(), complete(Arc::clone(&working), ends));
            };
            let cron = async {
                let _drained: Option<Infallible> = draining.run_until_cancelled(cron).await;
                std::future::pending::<Infallible>().await
            };
            tokio::select! {
                () = work => {}
                never = keep(Arc::clone(&working)) => match never {},
                never = maintain(Arc::clone(&working)) => match never {},
                never = listen => match never {},
                never = cron => match never {},
            }
        });
        Self { shared, task: Mutex::new(Some(AbortOnDropHandle::new(task))) }
    }

    /// Claims nothing more from now on; the begin of a [`drain`](Self::drain).
    pub fn quiesce(&self) {
        self.shared.runner.draining.cancel();
    }

    /// Claims nothing more, waits for the running attempts, and gives the jobs of the others back: they run elsewhere at once,
    /// and the attempt does not count.
    ///
    /// Of the time, a tenth (at most two seconds) is kept for giving back. A second call returns at once.
    ///
    /// # Cancel safety
    /// The drain continues when the future is dropped; only the waiting ends, and with it the limit.
    pub async fn drain(&self, within: Duration) -> WorkersDrain {
        let end = Instant::now() + within;
        self.quiesce();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut task) = task.map(AbortOnDropHandle::detach) else { return WorkersDrain::Drained };
        let reserve = (within / 10).min(Duration::from_secs(2));
        if tokio::time::timeout_at(end - reserve, &mut task).await.is_ok() {
            return WorkersDrain::Drained;
        }
        let given_back = self.shared.in_flight.give_back();
        if tokio::time::timeout_at(end, &mut task).await.is_ok() {
            return WorkersDrain::GaveBack { jobs: given_back };
        }
        let left = self.shared.in_flight.len();
        task.abort();
        // It ends at its next await; there is nothing else to wait for.
        drop(task.await);
        WorkersDrain::TimedOut { jobs: left }
    }

    /// The attempts that run in this process.
    pub fn running(&self) -> usize {
        self.shared.in_flight.len()
    }
}

/// How the drain of workers ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a drain that timed out leaves leases behind"]
pub enum WorkersDrain {
    /// All attempts ended by themselves.
    Drained,
    /// The time was over for some attempts: their jobs were given back.
    GaveBack {
        /// How many.
        jobs: usize,
    },
    /// The database did not answer in time: some jobs wait for their leases to expire.
    TimedOut {
        /// How many.
        jobs: usize,
    },
}

#[async_trait]
impl HealthCheck for Workers {
    fn name(&self) -> &'static str {
        "jobs"
    }

    async fn check(&self) -> Health {
        self.shared.status.health(&self.shared.routes, self.running())
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("status", &self.shared.status).finish_non_exhaustive()
    }
}
