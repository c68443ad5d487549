use std::time::{Duration, SystemTime};

use crate::{JobId, RunId, Unique};

/// A job to be inserted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// Its queue.
    pub queue: String,
    /// Its kind.
    pub kind: String,
    /// The version of its payload.
    pub version: u32,
    /// From 0 (first) to 9 (last).
    pub priority: u8,
    /// How long it waits until it ranks one priority higher.
    pub aging: Duration,
    /// The pause before the first attempt.
    pub after: Duration,
    /// The moment of the first attempt, if it is not now.
    pub at: Option<SystemTime>,
    /// The payload as JSON.
    pub payload: String,
    /// Request id and trace as JSON.
    pub headers: String,
    /// The key it holds.
    pub unique: Option<Unique>,
}

impl NewJob {
    /// A job that may run at once.
    pub fn new(kind: impl Into<String>, queue: impl Into<String>, payload: impl Into<String>) -> Self {
        Self {
            id: JobId::generate(),
            queue: queue.into(),
            kind: kind.into(),
            version: 1,
            priority: 4,
            aging: Duration::from_secs(60),
            after: Duration::ZERO,
            at: None,
            payload: payload.into(),
            headers: "{}".to_owned(),
            unique: None,
        }
    }

    /// How far behind its due time the job ranks.
    pub(crate) fn rank_offset_ms(&self) -> i64 {
        i64::try_from(self.aging.as_millis()).unwrap_or(0).saturating_mul(i64::from(self.priority))
    }
}

/// What a worker can take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// What it can take of each queue.
    pub queues: Vec<ClaimQueue>,
    /// How long the jobs stay with it without a heartbeat.
    pub lease: Duration,
    /// The name of the process, for operators.
    pub worker: String,
}

impl Claim {
    /// Of these queues, with that lease.
    pub fn new(queues: Vec<ClaimQueue>, lease: Duration, worker: impl Into<String>) -> Self {
        Self { queues, lease, worker: worker.into() }
    }
}

/// What a worker can take of one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimQueue {
    /// The queue.
    pub queue: String,
    /// Jobs in all.
    pub most: usize,
    /// The kinds it knows.
    pub kinds: Vec<ClaimKind>,
}

impl ClaimQueue {
    /// So many jobs of these kinds.
    pub fn new(queue: impl Into<String>, most: usize, kinds: Vec<ClaimKind>) -> Self {
        Self { queue: queue.into(), most, kinds }
    }
}

/// What a worker can take of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimKind {
    /// The kind.
    pub kind: String,
    /// The latest version that it knows.
    pub version: u32,
    /// Jobs of this kind.
    pub most: usize,
    /// How far behind its due time a job of this kind can rank (nine times its aging).
    pub horizon: Duration,
}

impl ClaimKind {
    /// So many jobs of a kind up to a version, with the default aging.
    pub fn new(kind: impl Into<String>, version: u32, most: usize) -> Self {
        Self { kind: kind.into(), version, most, horizon: Duration::from_secs(540) }
    }
}

/// A kind that a worker knows, up to a version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct KnownKind {
    /// The kind.
    pub kind: String,
    /// The latest version that it knows.
    pub version: u32,
}

impl KnownKind {
    /// A kind up to a version.
    pub fn new(kind: impl Into<String>, version: u32) -> Self {
        Self { kind: kind.into(), version }
    }
}

/// A claimed job: one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claimed {
    /// The attempt.
    pub run: RunId,
    /// The queue.
    pub queue: String,
    /// The kind.
    pub kind: String,
    /// The version of the payload.
    pub version: u32,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// How long the job was due.
    pub waited: Duration,
    /// The payload as JSON.
    pub payload: String,
    /// Request id and trace as JSON.
    pub headers: String,
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished {
    /// The attempt.
    pub run: RunId,
    /// What becomes of the job.
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

/// What becomes of a job at the end of an attempt.
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

/// An attempt that still has its job.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heartbeat {
    /// The attempt.
    pub run: RunId,
    /// Whether the job is to be cancelled.
    pub cancel: bool,
}

/// A job whose attempt was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rescue {
    /// The job.
    pub job: JobId,
    /// Its kind.
    pub kind: String,
    /// What became of it.
    pub outcome: RescueOutcome,
}

/// What became of a job whose attempt was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RescueOutcome {
    /// It waits for its next attempt.
    Requeued,
    /// It was lost too often.
    Dead,
    /// It was to be cancelled.
    Cancelled,
}

impl RescueOutcome {
    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "dead" => Self::Dead,
            "cancelled" => Self::Cancelled,
            _ => Self::Requeued,
        }
    }
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
