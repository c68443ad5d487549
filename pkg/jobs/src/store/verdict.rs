use std::time::Duration;

use crate::RunId;

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished {
    /// The attempt.
    pub run: RunId,
    /// The outcome of the attempt.
    pub verdict: Verdict,
    /// Whether the job, if it ends, goes into the history.
    pub keep: bool,
}

impl Finished {
    /// The end of an attempt; the job goes into the history if it ends with it.
    pub fn new(run: RunId, verdict: Verdict) -> Self {
        Self { run, verdict, keep: true }
    }
}

/// The outcome of an attempt, as the store records it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It is done.
    Done,
    /// It should be gone, in a transaction of the handler; if it is not, it is retried after this pause.
    Completed {
        /// The pause.
        after: Duration,
    },
    /// It runs again after the pause.
    Retry {
        /// The pause.
        after: Duration,
        /// Why.
        reason: String,
    },
    /// It runs again after the pause, and this attempt does not count.
    Snooze {
        /// The pause.
        after: Duration,
    },
    /// It goes back as if it had not been claimed.
    GiveBack,
    /// It is dead.
    Dead {
        /// Why.
        reason: String,
    },
    /// It is cancelled.
    Cancelled,
}

impl Verdict {
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Completed { .. } => "completed",
            Self::Retry { .. } => "retry",
            Self::Snooze { .. } => "snooze",
            Self::GiveBack => "give_back",
            Self::Dead { .. } => "dead",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) fn after_ms(&self) -> Option<i64> {
        match self {
            Self::Completed { after } | Self::Retry { after, .. } | Self::Snooze { after } => {
                Some(i64::try_from(after.as_millis()).unwrap_or(i64::MAX))
            }
            _ => None,
        }
    }

    pub(crate) fn reason(&self) -> Option<String> {
        match self {
            Self::Retry { reason, .. } | Self::Dead { reason } => Some(stored_reason(reason)),
            Self::Completed { .. } => Some("the transaction of `complete_in` did not commit".to_owned()),
            _ => None,
        }
    }

    /// Whether the attempt is not to count.
    pub(crate) fn is_free(&self) -> bool {
        matches!(self, Self::Snooze { .. } | Self::GiveBack)
    }
}

/// A reason as it is stored: at most 1,000 characters, a space for each control character.
fn stored_reason(reason: &str) -> String {
    reason.chars().map(|c| if c.is_control() { ' ' } else { c }).take(1000).collect()
}

/// What finishing came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FinishReport {
    /// Attempts that had lost their job: nothing was changed for them.
    pub stale: Vec<RunId>,
}

impl FinishReport {
    /// The attempts that no row was found for. That of a job completed in a transaction is gone as it should be.
    pub(super) fn of(results: &[Finished], was_held: impl Fn(&RunId) -> bool) -> Self {
        let stale = results
            .iter()
            .filter(|result| !was_held(&result.run) && !matches!(result.verdict, Verdict::Completed { .. }))
            .map(|result| result.run);
        Self { stale: stale.collect() }
    }
}
