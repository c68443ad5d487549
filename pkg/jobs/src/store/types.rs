use std::time::{Duration, SystemTime};

use serde::Deserialize;

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
    /// What it can take of each kind.
    pub kinds: Vec<ClaimKind>,
    /// How long the jobs stay with it without a heartbeat.
    pub lease: Duration,
    /// The name of the process, for operators.
    pub worker: String,
}

impl Claim {
    /// Of these kinds, with that lease.
    pub fn new(kinds: Vec<ClaimKind>, lease: Duration, worker: impl Into<String>) -> Self {
        Self { kinds, lease, worker: worker.into() }
    }
}

/// What a worker can take of one kind in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimKind {
    /// The queue.
    pub queue: String,
    /// Jobs of all kinds of the queue; the same in each of them.
    pub queue_most: usize,
    /// The kind.
    pub kind: String,
    /// The latest version that it knows.
    pub version: u32,
    /// Jobs of this kind.
    pub most: usize,
    /// How far behind its due time a job of this kind can rank (nine times its aging).
    pub horizon: Duration,
    /// Where to begin: the [`Claimed::place`] of a job. A store may leave out what ranks before it.
    pub after: Option<String>,
}

impl ClaimKind {
    /// So many jobs of a queue, all of a kind up to a version, with the default aging, from the first on.
    pub fn new(queue: impl Into<String>, most: usize, kind: impl Into<String>, version: u32) -> Self {
        let horizon = Duration::from_secs(540);
        Self { queue: queue.into(), queue_most: most, kind: kind.into(), version, most, horizon, after: None }
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
    /// Its place in the order of its kind, for [`ClaimKind::after`]; empty in a store that has no use for it.
    pub place: String,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RescueOutcome {
    /// It waits for its next attempt.
    Requeued,
    /// It was lost too often.
    Dead,
    /// It was to be cancelled.
    Cancelled,
}
