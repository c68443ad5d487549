use serde::Deserialize;
use underpin_errors::Error;
use underpin_jobs::{Enqueue, Job as _, JobId, Jobs, JobsError};
use underpin_logger::Context;
use utoipa::ToSchema;

use super::{EmailJob, ImageJob, JobView, ReportJob, Steps as _};
use crate::mail::is_address;

/// The body of `POST /api/v1/jobs`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", content = "payload", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum NewJob {
    Email(EmailJob),
    ImageProcessing(ImageJob),
    ReportGeneration(ReportJob),
}

impl NewJob {
    /// # Errors
    /// 400 `INVALID_JOB`.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let problem = match self {
            Self::Email(job) if !(1..=1000).contains(&job.recipients.len()) => {
                "1 to 1000 recipients are possible"
            }
            Self::Email(job) if !job.recipients.iter().all(|to| is_address(to)) => {
                "a recipient is no address"
            }
            Self::ImageProcessing(job) if !(1..=20).contains(&job.operations.len()) => {
                "1 to 20 operations are possible"
            }
            Self::ImageProcessing(job) if job.image.is_empty() || job.image.len() > 200 => {
                "the image has no name of at most 200 bytes"
            }
            Self::ReportGeneration(job) if !(1..=100_000).contains(&job.rows) => {
                "1 to 100000 rows are possible"
            }
            Self::ReportGeneration(job) if job.title.len() > 200 => "the title has more than 200 bytes",
            _ => return Ok(()),
        };
        Err(Error::bad_request(problem).code("INVALID_JOB"))
    }

    /// Stores the job: accepted is committed. Returns it as it was then; a worker may have it already.
    ///
    /// # Errors
    /// What the database says.
    pub(crate) async fn enqueue(&self, jobs: &Jobs, ctx: &Context) -> Result<JobView, JobsError> {
        let how = Enqueue::default().context(ctx);
        let stored = match self {
            Self::Email(job) => jobs.enqueue_committed(job, how).await,
            Self::ImageProcessing(job) => jobs.enqueue_committed(job, how).await,
            Self::ReportGeneration(job) => jobs.enqueue_committed(job, how).await,
        };
        Ok(self.accepted(stored?.id()))
    }

    fn accepted(&self, id: JobId) -> JobView {
        match self {
            Self::Email(job) => JobView::accepted(id, EmailJob::KIND, job.total()),
            Self::ImageProcessing(job) => JobView::accepted(id, ImageJob::KIND, job.total()),
            Self::ReportGeneration(job) => JobView::accepted(id, ReportJob::KIND, job.total()),
        }
    }
}

/// The steps of a stored job, before a worker has said so.
pub(super) fn known_total(kind: &str, payload: &str) -> Option<u64> {
    match kind {
        "email" => serde_json::from_str::<EmailJob>(payload).ok().map(|job| job.total()),
        "image-processing" => serde_json::from_str::<ImageJob>(payload).ok().map(|job| job.total()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn code(body: Value) -> Option<String> {
        let job: NewJob = serde_json::from_value(body).unwrap();
        job.check().err().map(|error| error.error_code().to_owned())
    }

    #[test]
    fn a_job_has_work_within_bounds() {
        let mail =
            |to: Value| json!({"type": "email", "payload": {"recipients": to, "subject": "s", "body": "b"}});
        assert_eq!(code(mail(json!(["ada@example.org"]))), None);
        assert_eq!(code(mail(json!([]))).as_deref(), Some("INVALID_JOB"));
        assert_eq!(code(mail(json!(["ada"]))).as_deref(), Some("INVALID_JOB"));
        let image = |operations: Value| json!({"type": "image-processing", "payload": {"image": "a.png", "operations": operations}});
        assert_eq!(code(image(json!(["crop"]))), None);
        assert_eq!(code(image(json!([]))).as_deref(), Some("INVALID_JOB"));
        let report =
            |rows: u64| json!({"type": "report-generation", "payload": {"title": "t", "rows": rows}});
        assert_eq!((code(report(1)), code(report(0)).is_some()), (None, true));
        assert!(serde_json::from_value::<NewJob>(json!({"type": "coffee", "payload": {}})).is_err());
    }
}
