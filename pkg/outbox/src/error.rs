use std::time::Duration;

use underpin_config::{Checks, Validate};
use underpin_database::DatabaseError;
use underpin_errors::{Classify, Kind};

/// Why the outbox or the inbox could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
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
    /// The event is larger than [`OutboxSettings::max_event`](crate::OutboxSettings::max_event).
    #[error("event of {size} bytes is larger than the {limit} bytes that the outbox takes")]
    TooLarge {
        /// The encoded size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The ordering key is longer than the index takes (1,024 bytes).
    #[error("ordering key of {size} bytes is too long")]
    KeyTooLong {
        /// Its size in bytes.
        size: usize,
    },
    /// A setting is out of range.
    #[error("setting `{key}` {problem}")]
    Setting {
        /// The setting, dotted.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl OutboxError {
    /// Turns a database error into one that says what was attempted; for `map_err`.
    pub(crate) fn during(operation: &'static str) -> impl Fn(DatabaseError) -> Self {
        move |source| Self::Database { operation, source }
    }

    /// Checks settings; the first failure is the error.
    pub(crate) fn check(settings: &impl Validate) -> Result<(), Self> {
        match Checks::of(settings).failures().first() {
            None => Ok(()),
            Some(failed) => Err(Self::Setting { key: failed.key().to_owned(), problem: failed.message() }),
        }
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
impl From<DatabaseError> for OutboxError {
    fn from(source: DatabaseError) -> Self {
        Self::Database { operation: "use the database", source }
    }
}

impl Classify for OutboxError {
    fn kind(&self) -> Kind {
        match self {
            Self::Database { source, .. } => source.kind(),
            Self::TimedOut { .. } => Kind::DeadlineExceeded,
            // The caller of the service did not choose the event: the service did.
            Self::TooLarge { .. } | Self::KeyTooLong { .. } | Self::Setting { .. } => Kind::Internal,
        }
    }
}
