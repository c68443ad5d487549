use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::schedule::{CronSchedule, Schedule};
use crate::store::NewJob;
use crate::{Job, JobsError};

/// A job on a schedule.
///
/// What cannot be read is reported when the workers start. Replicas with different entries do not disturb each other: an
/// entry fires in those that have it, and where two have the name with different schedules, in those with the one that was
/// registered last.
#[derive(Clone)]
#[must_use = "an entry does nothing before workers have it"]
pub struct CronEntry {
    name: String,
    pattern: String,
    zone: String,
    /// Instead of the pattern.
    schedule: Option<Arc<dyn Schedule>>,
    pub(super) missed: Missed,
    pub(super) jitter: Duration,
    /// The job of each tick, but for its id.
    job: Result<NewJob, String>,
}

/// The policy for ticks that passed while no process ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missed {
    /// None fires, unless it is less than a minute late.
    Skip,
    /// The last one fires, unless it is later than that.
    Once {
        /// The longest delay; without it, the last one fires however late it is.
        within: Option<Duration>,
    },
    /// The last ones fire, in order.
    All {
        /// The longest delay.
        within: Duration,
        /// How many.
        most: usize,
    },
}

impl CronEntry {
    /// An entry with a cron pattern, in UTC. The name is that of the schedule in the database: 1 to 128 bytes.
    pub fn new<J: Job>(name: impl Into<String>, pattern: impl Into<String>, job: &J) -> Self {
        let options = J::options();
        let job = serde_json::to_string(job).map_err(|error| error.to_string()).map(|payload| NewJob {
            version: J::VERSION,
            priority: options.priority,
            aging: options.aging,
            ..NewJob::new(J::KIND, options.queue, payload)
        });
        Self {
            name: name.into(),
            pattern: pattern.into(),
            zone: "UTC".to_owned(),
            schedule: None,
            missed: Missed::Once { within: None },
            jitter: Duration::ZERO,
            job,
        }
    }

    /// An entry with another [`Schedule`].
    pub fn with_schedule<J: Job>(name: impl Into<String>, schedule: Arc<dyn Schedule>, job: &J) -> Self {
        Self { schedule: Some(schedule), ..Self::new(name, "", job) }
    }

    /// Sets the time zone of the pattern, by its IANA name. Only patterns have one.
    pub fn zone(self, name: impl Into<String>) -> Self {
        Self { zone: name.into(), ..self }
    }

    /// Sets what becomes of missed ticks. By default the last one fires.
    pub fn missed(self, missed: Missed) -> Self {
        Self { missed, ..self }
    }

    /// Delays each job by a time up to this one, which depends on the name and the tick only: entries with the same pattern
    /// do not run at the same moment.
    pub fn jitter(self, jitter: Duration) -> Self {
        Self { jitter, ..self }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn schedule(&self) -> Result<Arc<dyn Schedule>, JobsError> {
        JobsError::check_name("cron entry", &self.name, 128)?;
        if let Some(schedule) = &self.schedule {
            return Ok(Arc::clone(schedule));
        }
        let schedule =
            CronSchedule::parse(&self.pattern, &self.zone).map_err(|problem| self.wrong(problem))?;
        Ok(Arc::new(schedule))
    }

    pub(super) fn job(&self) -> Result<NewJob, JobsError> {
        self.job.clone().map_err(|problem| self.wrong(problem))
    }

    pub(super) fn wrong(&self, problem: String) -> JobsError {
        JobsError::Schedule { name: self.name.clone(), problem }
    }
}

impl fmt::Debug for CronEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CronEntry")
            .field("name", &self.name)
            .field("missed", &self.missed)
            .finish_non_exhaustive()
    }
}
