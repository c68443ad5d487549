//! How a record looks when it is written.

mod json;
mod terminal;

pub use json::JsonFormat;
pub use terminal::TerminalFormat;

use crate::{
    Redaction,
    stream::json::Scratch,
    stream::record::{Head, Source},
};

/// JSON for machines, text for people.
#[derive(Debug, Clone)]
pub(crate) enum Format {
    Json(JsonFormat),
    Terminal(TerminalFormat),
}

impl Format {
    /// Writes one record into the scratch, as complete lines.
    pub(crate) fn encode(
        &self,
        scratch: &mut Scratch,
        redact: &Redaction,
        head: &Head<'_>,
        source: &impl Source,
    ) {
        match self {
            Self::Json(format) => format.encode(scratch, redact, head, source),
            Self::Terminal(format) => format.encode(scratch, redact, head, source),
        }
    }
}
