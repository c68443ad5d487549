use serde::{Deserialize, Serialize};

/// How far a running job is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Progress {
    /// Units that are done. Never falls within an attempt.
    pub done: u64,
    /// Units in all; zero when it is not known.
    pub total: u64,
    /// What it is doing, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Progress {
    /// So many units of so many.
    pub fn new(done: u64, total: u64) -> Self {
        Self { done, total, note: None }
    }

    /// Adds what the job is doing.
    #[must_use]
    pub fn note(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }

    /// The later of two: units done never fall.
    pub(crate) fn merge(&mut self, later: Self) {
        let done = self.done.max(later.done);
        *self = Self { done, ..later };
    }
}
