use std::time::Duration;

use underpin_config::{Checks, Validate};
use underpin_database::DatabaseError;
use underpin_errors::{Classify, Kind};

/// Why a job could not be enqueued, worked on or looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobsError {
    /// The payload cannot be encoded as JSON.
    #[error("the payload of job `{kind}` does not encode")]
    Encode {
        /// The kind of the job.
        kind: &'static str,
        /// What serde said.
        #[source]
        source: serde_json::Error,
    },
    /// The payload cannot be decoded.
    #[error("the payload of a job does not decode")]
    Decode(#[source] serde_json::Error),
    /// The payload is larger than [`JobsSettings::max_payload`](crate::JobsSettings::max_payload).
    #[error("payload of {size} bytes is larger than the {limit} bytes that a job takes")]
    TooLarge {
        /// The encoded size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The name of a queue, kind, cron entry or unique key is empty, too long or has a control character.
    #[error("the name of a {what} must have 1 to {limit} bytes and no control character")]
    Name {
        /// What it names.
        what: &'static str,
        /// The longest name in bytes.
        limit: usize,
    },
    /// The database failed.
    #[error("could not {operation}")]
    Database {
        /// What was attempted, as a verb phrase.
        operation: &'static str,
        /// What the database said.
        #[source]
        source: DatabaseError,
    },
    /// The database did not answer in time. Whether the statement took effect is not known.
    #[error("could not {operation} within {} ms", within.as_millis())]
    TimedOut {
        /// What was attempted, as a verb phrase.
        operation: &'static str,
        /// The limit.
        within: Duration,
    },
    /// The run has lost its job: its lease expired and another run may have begun. Roll back.
    #[error("this run has lost its job")]
    Stale,
    /// The transaction is of another backend than the store of the jobs.
    #[error("the transaction is not of the database that holds the jobs")]
    OtherDatabase,
    /// A schedule or a time zone cannot be read.
    #[error("cron entry `{name}`: {problem}")]
    Schedule {
        /// The entry.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A setting is out of range, or the workers are put together wrongly.
    #[error("setting `{key}` {problem}")]
    Setting {
        /// The setting, dotted.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl JobsError {
    /// Turns a database error into one that says what was attempted; for `map_err`.
    pub(crate) fn during(operation: &'static str) -> impl Fn(DatabaseError) -> Self + Copy {
        move |source| Self::Database { operation, source }
    }

    /// Checks settings; the first failure is the error.
    pub(crate) fn check(settings: &impl Validate) -> Result<(), Self> {
        match Checks::of(settings).failures().first() {
            None => Ok(()),
            Some(failed) => Err(Self::Setting { key: failed.key().to_owned(), problem: failed.message() }),
        }
    }

    pub(crate) fn check_name(what: &'static str, name: &str, limit: usize) -> Result<(), Self> {
        if name.is_empty() || name.len() > limit || name.chars().any(char::is_control) {
            return Err(Self::Name { what, limit });
        }
        Ok(())
    }

    /// Whether the same call may succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Database { source, .. } => source.is_retryable(),
            Self::TimedOut { .. } => true,
            _ => false,
        }
    }
}

/// For `?` inside of a transaction; calls of this crate say what they attempted instead.
impl From<DatabaseError> for JobsError {
    fn from(source: DatabaseError) -> Self {
        Self::Database { operation: "use the database", source }
    }
}

impl Classify for JobsError {
    fn kind(&self) -> Kind {
        match self {
            Self::Database { source, .. } => source.kind(),
            Self::TimedOut { .. } => Kind::DeadlineExceeded,
            Self::Stale => Kind::Aborted,
            _ => Kind::Internal,
        }
    }
}
