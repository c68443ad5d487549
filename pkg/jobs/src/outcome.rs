use std::time::Duration;

use crate::RunId;

/// The outcome of an attempt. An `Err` of the handler counts as [`Dead`](Self::Dead) where it is a client error that a retry
/// cannot help, and as [`Retry`](Self::Retry) otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobOutcome {
    /// The job is done.
    Done,
    /// The job was completed in a transaction of the handler, by [`JobRun::complete_in`](crate::JobRun::complete_in). If that
    /// transaction did not commit, the job is retried.
    CompletedInTransaction(CompletedIn),
    /// Try again, after the pause of the kind's back-off or the one given; dead once its attempts are used up.
    Retry {
        /// The pause.
        after: Option<Duration>,
        /// Why, for operators.
        reason: String,
    },
    /// Try again later, without using up an attempt.
    Snooze {
        /// The pause.
        after: Duration,
    },
    /// Retrying cannot help. An operator decides.
    Dead {
        /// Why, for operators.
        reason: String,
    },
    /// The handler stopped because it was asked to.
    Cancelled,
}

impl JobOutcome {
    /// Try again after the pause of the back-off.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry { after: None, reason: reason.into() }
    }

    /// Try again after a pause.
    pub fn retry_after(after: Duration, reason: impl Into<String>) -> Self {
        Self::Retry { after: Some(after), reason: reason.into() }
    }

    /// Try again after a pause, without using up an attempt.
    pub fn snooze(after: Duration) -> Self {
        Self::Snooze { after }
    }

    /// Retrying cannot help.
    pub fn dead(reason: impl Into<String>) -> Self {
        Self::Dead { reason: reason.into() }
    }

    /// The label of the metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Done | Self::CompletedInTransaction(_) => "done",
            Self::Retry { .. } => "retry",
            Self::Snooze { .. } => "snooze",
            Self::Dead { .. } => "dead",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Proof of a call of [`JobRun::complete_in`](crate::JobRun::complete_in).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedIn(pub(crate) RunId);
