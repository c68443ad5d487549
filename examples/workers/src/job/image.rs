use serde::{Deserialize, Serialize};
use underpin_jobs::{HistoryPolicy, Job, JobOptions};
use utoipa::ToSchema;

use super::Steps;

/// Operations on an image. Its progress has names: which operation it is at.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImageJob {
    pub(super) image: String,
    pub(super) operations: Vec<Operation>,
}

/// What can be done to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Operation {
    Crop,
    Resize,
    Thumbnail,
    Watermark,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Crop => "crop",
            Self::Resize => "resize",
            Self::Thumbnail => "thumbnail",
            Self::Watermark => "watermark",
        }
    }
}

impl ImageJob {
    fn operation(&self, step: u64) -> &'static str {
        let operation = usize::try_from(step).ok().and_then(|step| self.operations.get(step));
        operation.map_or("", |operation| operation.name())
    }
}

impl Job for ImageJob {
    const KIND: &'static str = "image-processing";

    fn options() -> JobOptions {
        JobOptions::default().queue("image").attempts(3).history(HistoryPolicy::All)
    }
}

impl Steps for ImageJob {
    fn steps(&self) -> u64 {
        self.operations.len() as u64
    }

    fn note(&self, step: u64) -> String {
        self.operation(step).to_owned()
    }

    fn effect(&self, step: u64) -> String {
        format!("{} {}", self.operation(step), self.image)
    }
}
