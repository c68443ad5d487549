//! How a record looks when it is written.

mod json;
mod terminal;

pub use json::JsonFormat;
pub use terminal::TerminalFormat;

use crate::{
    Redaction,
    stream::json::Scratch,
    stream::record::{RecordMeta, RecordSource},
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
        meta: &RecordMeta<'_>,
        source: &impl RecordSource,
    ) {
        match self {
            Self::Json(format) => format.encode(scratch, redact, meta, source),
            Self::Terminal(format) => format.encode(scratch, redact, meta, source),
        }
    }
}
