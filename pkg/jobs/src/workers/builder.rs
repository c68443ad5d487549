use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use underpin_logger::{Logger, NoopLogger};

use super::attempt::Runner;
use super::handle::Workers;
use super::in_flight::InFlight;
use super::inline::InlineRunner;
use super::routes::Routes;
use super::shared::Shared;
use super::status::WorkersStatus;
use crate::{JobRoute, Jobs, JobsError, WorkersSettings};

impl Workers {
    /// Workers for these jobs.
    pub fn builder(jobs: &Jobs) -> WorkersBuilder {
        WorkersBuilder {
            jobs: jobs.clone(),
            log: Arc::new(NoopLogger),
            settings: WorkersSettings::default(),
            routes: Vec::new(),
            limits: Vec::new(),
            #[cfg(feature = "cron")]
            cron: Vec::new(),
        }
    }
}

/// Puts workers together: handlers, limits, cron entries.
#[derive(Clone)]
#[must_use = "workers do nothing before they are started"]
pub struct WorkersBuilder {
    jobs: Jobs,
    log: Arc<dyn Logger>,
    settings: WorkersSettings,
    routes: Vec<JobRoute>,
    limits: Vec<(&'static str, usize)>,
    #[cfg(feature = "cron")]
    cron: Vec<crate::cron::CronEntry>,
}

impl WorkersBuilder {
    /// Sets the log.
    pub fn log(self, log: Arc<dyn Logger>) -> Self {
        Self { log, ..self }
    }

    /// Sets the settings.
    pub fn settings(self, settings: WorkersSettings) -> Self {
        Self { settings, ..self }
    }

    /// Adds the handler of a kind. Its queue is worked on from then on.
    pub fn on(mut self, route: JobRoute) -> Self {
        self.routes.push(route);
        self
    }

    /// Limits the attempts that this process runs at once in a queue.
    pub fn queue(mut self, name: &'static str, at_once: usize) -> Self {
        self.limits.push((name, at_once));
        self
    }

    /// Adds a cron entry.
    #[cfg(feature = "cron")]
    pub fn cron(mut self, entry: crate::cron::CronEntry) -> Self {
        self.cron.push(entry);
        self
    }

    /// The jobs that the workers work on.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// Starts the workers on the current runtime. They wait for the database if it is not there yet; the tables must exist
    /// ([`Jobs::migrate`]).
    ///
    /// # Errors
    /// [`JobsError::Setting`] for settings out of range, two handlers of a kind, or a limit for a queue without a handler;
    /// [`JobsError::Schedule`] for a cron entry that cannot be read.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(self) -> Result<Workers, JobsError> {
        #[cfg(feature = "cron")]
        let cron = crate::cron::Scheduler::new(
            &self.jobs,
            Arc::clone(&self.log),
            self.cron.clone(),
            self.settings.poll,
        )?;
        let jobs = self.jobs.clone();
        let shared = Arc::new(self.shared()?);
        #[cfg(feature = "cron")]
        let cron = {
            let shared = Arc::clone(&shared);
            cron.run(move |error| shared.failed("cannot look after cron entries, trying again", error))
        };
        #[cfg(not(feature = "cron"))]
        let cron = std::future::pending();
        Ok(Workers::spawn(shared, &jobs, cron))
    }

    /// A runner for tests: it runs jobs where it is awaited, one after the other.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn inline(self) -> Result<InlineRunner, JobsError> {
        Ok(InlineRunner::new(self.shared()?))
    }

    fn shared(self) -> Result<Shared, JobsError> {
        JobsError::check(&self.settings)?;
        let routes = Routes::new(self.routes, &self.limits, self.settings.concurrency as usize)?;
        let (cancel_grace, draining) = (self.settings.cancel_grace, CancellationToken::new());
        Ok(Shared {
            store: Arc::clone(self.jobs.store()),
            routes,
            runner: Runner { log: self.log, cancel_grace, draining },
            in_flight: InFlight::default(),
            status: WorkersStatus::new(self.settings.lag_warning),
            settings: self.settings,
            wake: self.jobs.wake.clone(),
            worker: uuid::Uuid::now_v7().to_string(),
        })
    }
}

impl std::fmt::Debug for WorkersBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkersBuilder").field("routes", &self.routes).finish_non_exhaustive()
    }
}
