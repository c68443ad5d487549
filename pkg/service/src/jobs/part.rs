use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use underpin_errors::{Error, Health, HealthCheck, ResultExt as _};
use underpin_jobs::{Workers, WorkersBuilder, WorkersDrain};

use crate::{Component, Deadline, Opening, Stopped};

/// Workers as traffic: they start with it and are drained with it. Their health is `jobs`; trouble makes the service degraded, not
/// unready. They log to the log of the service.
///
/// When the service stops they claim nothing more at once, running attempts have the time of the traffic, and what does not end is given
/// back: it runs in another process, and the attempt does not count. An example is at [`jobs`](crate::jobs()).
pub fn workers(builder: WorkersBuilder) -> WorkersPart {
    WorkersPart { builder: Mutex::new(Some(builder)), running: Arc::default() }
}

/// See [`workers`].
#[derive(Debug)]
#[must_use = "pass it to Start::traffic"]
pub struct WorkersPart {
    builder: Mutex<Option<WorkersBuilder>>,
    running: Arc<StartedWorkers>,
}

#[derive(Debug, Default)]
struct StartedWorkers {
    workers: OnceLock<Workers>,
}

impl WorkersPart {
    fn change(&self, change: impl FnOnce(WorkersBuilder) -> WorkersBuilder) {
        let mut builder = self.builder.lock().unwrap_or_else(PoisonError::into_inner);
        *builder = builder.take().map(change);
    }
}

#[async_trait]
impl Component for WorkersPart {
    #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
    fn name(&self) -> &str {
        "jobs"
    }

    fn attach(&self, at: &Opening) {
        self.change(|builder| builder.log(Arc::clone(&at.log)));
    }

    async fn start(&self) -> Result<(), Error> {
        let builder = self.builder.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(builder) = builder {
            let workers = builder.start().context("start the workers")?;
            // Started once.
            let _again = self.running.workers.set(workers);
        }
        Ok(())
    }

    async fn quiesce(&self) {
        if let Some(workers) = self.running.workers.get() {
            workers.quiesce();
        }
    }

    async fn stop(&self, deadline: Deadline) -> Stopped {
        let Some(workers) = self.running.workers.get() else { return Stopped::Clean };
        match workers.drain(deadline.left()).await {
            WorkersDrain::Drained => Stopped::Clean,
            WorkersDrain::GaveBack { jobs } => Stopped::cut(format!("{jobs} jobs, which were given back")),
            WorkersDrain::TimedOut { jobs } => {
                Stopped::cut(format!("{jobs} jobs, which wait for their leases"))
            }
            _ => Stopped::cut("jobs"),
        }
    }

    fn health(&self) -> Option<Arc<dyn HealthCheck>> {
        Some(Arc::clone(&self.running) as Arc<dyn HealthCheck>)
    }

    fn is_required(&self) -> bool {
        false
    }
}

#[async_trait]
impl HealthCheck for StartedWorkers {
    #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
    fn name(&self) -> &str {
        "jobs"
    }

    async fn check(&self) -> Health {
        match self.workers.get() {
            Some(workers) => workers.check().await,
            None => Health::degraded("the workers have not started"),
        }
    }
}
