use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Names a job, from its enqueue to its end. A UUID of version 7: ids grow with time.
///
/// # Examples
/// ```
/// use underpin_jobs::JobId;
///
/// let id = JobId::generate();
/// assert_eq!(id.to_string().parse::<JobId>()?, id);
/// assert_eq!(serde_json::to_string(&id)?, format!("\"{id}\""));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(Uuid);

impl JobId {
    /// A new id, larger than all that this process has generated before.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// When it was generated, by the clock of the producer; `None` for a UUID of another version.
    pub(crate) fn generated_at(self) -> Option<SystemTime> {
        let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
        UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for JobId {
    type Err = JobIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::from_str(text).map(Self).map_err(|_| JobIdError)
    }
}

/// The text is not the id of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of a job is a UUID")]
pub struct JobIdError;

/// Names one attempt at a job. The token grows with each claim and fences off the attempts before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RunId {
    /// The job.
    pub job: JobId,
    /// The fencing token of the attempt.
    pub token: i64,
}
