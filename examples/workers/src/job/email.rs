use serde::{Deserialize, Serialize};
use underpin_jobs::{HistoryPolicy, Job, JobOptions};
use utoipa::ToSchema;

use super::Steps;

/// One mail to many. Its progress is counted: so many mails of so many.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailJob {
    pub(super) recipients: Vec<String>,
    subject: String,
    body: String,
}

impl Job for EmailJob {
    const KIND: &'static str = "email";

    fn options() -> JobOptions {
        JobOptions::default().queue("email").attempts(5).history(HistoryPolicy::All)
    }
}

impl Steps for EmailJob {
    fn steps(&self) -> u64 {
        self.recipients.len() as u64
    }

    fn note(&self, step: u64) -> String {
        format!("mail {} of {}", step + 1, self.recipients.len())
    }

    fn effect(&self, step: u64) -> String {
        let to = usize::try_from(step).ok().and_then(|step| self.recipients.get(step));
        format!("{} to {}", self.subject, to.map_or("", String::as_str))
    }
}
