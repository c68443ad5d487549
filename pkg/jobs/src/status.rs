use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize, Serializer};

use crate::{JobId, Progress};

/// The status of a job: for operators, and for an HTTP handler to return as JSON.
///
/// Times are milliseconds since 1970 by the clock of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct JobStatus {
    /// The job.
    pub id: JobId,
    /// Its kind.
    pub kind: String,
    /// The version of its payload.
    pub version: u32,
    /// Its queue.
    pub queue: String,
    /// Its state.
    pub state: JobState,
    /// Attempts so far, the running one included.
    pub attempt: u32,
    /// When it was enqueued.
    #[serde(rename = "enqueued_at_ms", serialize_with = "millis")]
    pub enqueued_at: SystemTime,
    /// When it may run, or ended.
    #[serde(rename = "at_ms", serialize_with = "millis")]
    pub at: SystemTime,
    /// Whether a cancellation was asked for.
    pub cancel_asked: bool,
    /// What the last failure said: for operators, and not serialized here.
    #[serde(skip)]
    pub reason: Option<String>,
    /// How far the running attempt is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum JobState {
    /// It waits for its time, or for a worker that knows its kind and version.
    Waiting,
    /// An attempt is running, or was lost and not yet rescued.
    Running,
    /// It ended well.
    Done,
    /// It ended because it was asked to.
    Cancelled,
    /// It failed for good and waits for an operator.
    Dead,
}

impl JobState {
    /// The name in the tables and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }

    /// Whether the job will not run any more by itself.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled | Self::Dead)
    }
}

impl JobRecord {
    pub(crate) fn new(status: JobStatus, payload: String) -> Self {
        Self { reason: status.reason.clone(), status, payload }
    }
}

/// Which jobs to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobFilter {
    /// Only jobs in this state.
    pub state: Option<JobState>,
    /// Only jobs of this kind.
    pub kind: Option<String>,
    /// Only jobs of this queue.
    pub queue: Option<String>,
}

impl JobFilter {
    underpin_config::setters! {
        /// Only jobs in this state.
        state: JobState => Some(state);
        /// Only jobs of this kind.
        kind: impl Into<String> => Some(kind.into());
        /// Only jobs of this queue.
        queue: impl Into<String> => Some(queue.into());
    }
}

/// A job with its payload and the text of its last failure, for an operator who inspects it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct JobRecord {
    /// Its status.
    #[serde(flatten)]
    pub status: JobStatus,
    /// What the last failure said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The payload as JSON; empty for jobs in the history.
    pub payload: String,
}

/// The jobs of one kind and version in one queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct QueueStatus {
    /// The queue.
    pub queue: String,
    /// The kind.
    pub kind: String,
    /// The version of the payloads.
    pub version: u32,
    /// Jobs that may run now.
    pub ready: u64,
    /// Jobs whose time has not come.
    pub scheduled: u64,
    /// Jobs with an attempt.
    pub running: u64,
    /// Dead jobs.
    pub dead: u64,
    /// How long the oldest of the ready jobs waits.
    #[serde(rename = "oldest_ms", serialize_with = "duration_millis")]
    pub oldest: Duration,
    /// Whether the queue is paused.
    pub paused: bool,
}

/// What a cancellation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CancelOutcome {
    /// The job waited and will not run.
    Removed,
    /// The job runs; its handler hears of it at the next heartbeat.
    Asked,
    /// The job has ended already.
    Ended,
    /// There is no such job, or no history of it.
    Unknown,
}

pub(crate) fn time_of(millis: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

pub(crate) fn millis_of(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn millis<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(millis_of(*time))
}

fn duration_millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u128(duration.as_millis())
}
