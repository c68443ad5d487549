use std::time::{Duration, SystemTime};

use serde::Serialize;
use underpin_logger::Context;

use crate::JobId;

/// How one job is enqueued, where the options of its kind do not decide.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_jobs::{Enqueue, Unique};
///
/// let how = Enqueue::default().after(Duration::from_secs(60)).priority(0).unique(Unique::until_finished("invoice-42"));
/// assert_eq!(how.priority, Some(0));
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Enqueue {
    /// The pause before the first attempt, by the clock of the database.
    pub after: Duration,
    /// The moment of the first attempt; `after` is added to it.
    pub at: Option<SystemTime>,
    /// The priority, from 0 (first) to 9 (last).
    pub priority: Option<u8>,
    /// A key that at most one job of the kind holds.
    pub unique: Option<Unique>,
    /// The request id and the trace that the job continues; [`Context::current`] otherwise.
    pub context: Option<Context>,
}

impl Enqueue {
    underpin_config::setters! {
        /// Sets the pause before the first attempt.
        after: Duration => after;
        /// Sets the moment of the first attempt.
        at: SystemTime => Some(at);
        /// Sets the priority, from 0 (first) to 9 (last).
        priority: u8 => Some(priority.min(9));
        /// Enqueues nothing while another job of the kind holds the key.
        unique: Unique => Some(unique);
        /// Sets the request id and the trace that the job continues.
        context: &Context => Some(context.clone());
    }
}

/// A key that at most one job of a kind holds at a time. Attempts, retries and deaths of the job do not depend on it.
///
/// A second transaction with the same key waits for the end of the first one (`lock_timeout` applies), as with any unique
/// index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique {
    pub(crate) key: String,
    pub(crate) scope: UniqueScope,
}

/// How long a job holds its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UniqueScope {
    /// Until its first attempt begins: a change that comes later gets another job.
    UntilStarted,
    /// Until it is done, dead or cancelled.
    UntilFinished,
    /// So long from its enqueue on, whatever becomes of it.
    Window(Duration),
}

impl Unique {
    /// Held until the first attempt begins.
    pub fn until_started(key: impl Into<String>) -> Self {
        Self { key: key.into(), scope: UniqueScope::UntilStarted }
    }

    /// Held until the job is done, dead or cancelled.
    pub fn until_finished(key: impl Into<String>) -> Self {
        Self { key: key.into(), scope: UniqueScope::UntilFinished }
    }

    /// Held for so long from the enqueue on.
    pub fn window(key: impl Into<String>, window: Duration) -> Self {
        Self { key: key.into(), scope: UniqueScope::Window(window) }
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How long it is held.
    pub fn scope(&self) -> UniqueScope {
        self.scope
    }
}

/// What an enqueue came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Enqueued {
    /// A new job; it runs if the transaction commits.
    New(JobId),
    /// Another job holds the unique key.
    Existing(JobId),
}

impl Enqueued {
    /// The new or the existing job.
    pub fn id(self) -> JobId {
        match self {
            Self::New(id) | Self::Existing(id) => id,
        }
    }

    /// Whether a job was enqueued.
    pub fn is_new(self) -> bool {
        matches!(self, Self::New(_))
    }
}
