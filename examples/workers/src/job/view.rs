//! Jobs as callers see them.

use serde::{Deserialize, Serialize};
use underpin_database::{Database, DatabaseError};
use underpin_errors::Error;
use underpin_jobs::{JobFilter, JobId, JobState, JobStatus, Jobs};
use utoipa::ToSchema;

use super::new::known_total;
use super::step::done;

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct JobView {
    id: String,
    r#type: String,
    pub(crate) status: StatusFilter,
    /// Attempts so far.
    attempt: u32,
    progress: ProgressView,
}

impl JobView {
    /// A job that no worker has seen.
    pub(super) fn accepted(id: JobId, kind: &str, total: u64) -> Self {
        let progress = ProgressView { done: 0, total: (total > 0).then_some(total), note: None };
        Self {
            id: id.to_string(),
            r#type: kind.to_owned(),
            status: StatusFilter::Pending,
            attempt: 0,
            progress,
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

/// How far a job is. It never falls.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ProgressView {
    /// Steps that are done.
    done: u64,
    /// Steps in all; absent while the end is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// What it was doing, up to a second ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// The status of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StatusFilter {
    Pending,
    Processing,
    Completed,
    Failed,
    Cancelled,
}

impl StatusFilter {
    pub(crate) const fn state(self) -> JobState {
        match self {
            Self::Pending => JobState::Waiting,
            Self::Processing => JobState::Running,
            Self::Completed => JobState::Done,
            Self::Failed => JobState::Dead,
            Self::Cancelled => JobState::Cancelled,
        }
    }

    const fn of(state: JobState) -> Self {
        match state {
            JobState::Running => Self::Processing,
            JobState::Done => Self::Completed,
            JobState::Dead => Self::Failed,
            JobState::Cancelled => Self::Cancelled,
            _ => Self::Pending,
        }
    }

    /// Whether nothing more happens to the job by itself.
    pub(crate) const fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// The job with this id.
///
/// # Errors
/// What the database says.
pub(crate) async fn view(jobs: &Jobs, database: &dyn Database, id: JobId) -> Result<Option<JobView>, Error> {
    match jobs.inspect(id).await? {
        Some(record) => {
            let total = known_total(&record.status.kind, &record.payload);
            Ok(Some(of(record.status, total, database).await?))
        }
        None => Ok(None),
    }
}

/// A page of jobs, in the order of their ids.
///
/// # Errors
/// What the database says.
pub(crate) async fn list(
    jobs: &Jobs,
    database: &dyn Database,
    filter: &JobFilter,
    after: Option<JobId>,
    limit: usize,
) -> Result<Vec<JobView>, Error> {
    let mut views = Vec::new();
    for status in jobs.list(filter, after, limit).await? {
        views.push(of(status, None, database).await?);
    }
    Ok(views)
}

/// Steps that are done are counted in the table of steps, from which nothing is removed; the store of the jobs knows what the attempt is at.
async fn of(
    status: JobStatus,
    total: Option<u64>,
    database: &dyn Database,
) -> Result<JobView, DatabaseError> {
    let done = done(database, status.id).await?;
    let status_name = StatusFilter::of(status.state);
    let reported = status.progress.as_ref().filter(|_| !status_name.is_ended());
    let total = if status_name == StatusFilter::Completed {
        Some(done)
    } else {
        total.or(reported.map(|progress| progress.total).filter(|total| *total > 0))
    };
    let note = reported.and_then(|progress| progress.note.clone());
    Ok(JobView {
        id: status.id.to_string(),
        r#type: status.kind,
        status: status_name,
        attempt: status.attempt,
        progress: ProgressView { done, total, note },
    })
}
