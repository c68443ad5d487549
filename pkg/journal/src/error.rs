use std::io;

use underpin_errors::{BoxError, Classify, Kind};

/// Why a journal cannot be opened or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file cannot be used.
    #[error("{operation}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Another process has the journal open.
    #[error("another process has the journal open")]
    Locked,
    /// The file is something else, or of a version that this code does not read.
    #[error("the file is not a journal of this version")]
    Foreign,
    /// A record is damaged and whole ones follow it: no process that dies leaves that. Restore the file from a backup.
    #[error("the record at byte {at} is damaged, and whole ones follow it")]
    Damaged {
        /// Where it begins, in bytes.
        at: usize,
    },
    /// A whole record cannot be applied: it is of another version, or does not follow from those before it.
    #[error("a record cannot be applied")]
    Record(#[source] BoxError),
    /// An earlier write failed. The journal writes no further record.
    #[error("an earlier write failed")]
    Failed,
}

impl JournalError {
    /// An error of the function that applies the records.
    pub fn record(error: impl Into<BoxError>) -> Self {
        Self::Record(error.into())
    }

    pub(crate) fn io(operation: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { operation, source }
    }
}

impl Classify for JournalError {
    fn kind(&self) -> Kind {
        match self {
            Self::Locked | Self::Foreign => Kind::FailedPrecondition,
            Self::Damaged { .. } | Self::Record(_) => Kind::DataLoss,
            Self::Io { .. } | Self::Failed => Kind::Unavailable,
        }
    }
}
