use serde::{Deserialize, Serialize};
use underpin_jobs::{HistoryPolicy, Job, JobOptions};
use utoipa::ToSchema;

use super::Steps;

/// How many rows a step reads.
const BATCH: u64 = 100;

/// A report over rows that it reads in batches. Its end is not known before: progress counts without a total.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportJob {
    pub(super) title: String,
    /// Stands for what a real report finds out by reading.
    pub(super) rows: u64,
}

impl Job for ReportJob {
    const KIND: &'static str = "report-generation";

    fn options() -> JobOptions {
        JobOptions::default().queue("report").attempts(3).history(HistoryPolicy::All)
    }
}

impl Steps for ReportJob {
    fn steps(&self) -> u64 {
        self.rows.div_ceil(BATCH)
    }

    fn total(&self) -> u64 {
        0
    }

    fn note(&self, step: u64) -> String {
        format!("{} rows read", (step * BATCH).min(self.rows))
    }

    fn effect(&self, step: u64) -> String {
        format!("{}: rows {} to {}", self.title, step * BATCH, ((step + 1) * BATCH).min(self.rows))
    }
}
