use std::fmt;

use underpin_errors::Kind;

/// Classifies a failure by what a caller can do about it.
///
/// The codes behind each are listed once, in `error/classify.rs`.
///
/// # Examples
/// ```
/// use underpin_database::{Condition, DatabaseError, Executor, sql};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), DatabaseError> {
/// # let settings = underpin_database::DatabaseSettings::new("sqlite::memory:");
/// # let db = underpin_database::connect(&settings, std::sync::Arc::new(underpin_logger::NoopLogger)).await?;
/// # db.batch("CREATE TABLE account (name TEXT UNIQUE)").await?;
/// let insert = || sql("INSERT INTO account VALUES ('ada')", []);
/// db.execute(insert()).await?;
/// let taken = db.execute(insert()).await.unwrap_err();
/// assert_eq!(taken.condition(), Condition::UniqueViolation);
/// assert!(!taken.is_retryable());
/// # Ok(()) }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// The settings are wrong.
    Configuration,
    /// The server rejected the connection permanently: password, unknown database, TLS.
    Rejected,
    /// The server cannot be reached or is not ready. The statement was not sent.
    Unreachable,
    /// No connection became free in time, or the server lacks room: back off.
    Saturated,
    /// The pool is closed.
    Closed,
    /// Concurrent work got in the way (serialization failure, deadlock, lock, busy file): run the whole transaction again.
    Conflict,
    /// The connection ended before the work was committed: run it again.
    Interrupted,
    /// The connection ended, and whether the work took effect is not known.
    Ambiguous,
    /// The connection has outdated state (a cached plan, a server that is no longer the primary). It is replaced: try again.
    Stale,
    /// A limit on time ended the statement (`statement_timeout`, an idle transaction).
    Timeout,
    /// A unique constraint or primary key was violated.
    UniqueViolation,
    /// A foreign key was violated.
    ForeignKeyViolation,
    /// A column that must have a value got none.
    NotNullViolation,
    /// A check constraint was violated.
    CheckViolation,
    /// An exclusion constraint was violated.
    ExclusionViolation,
    /// The transaction cannot go on: an earlier statement of it failed or was dropped half-way. It was not committed.
    TransactionAborted,
    /// The requested row does not exist.
    NotFound,
    /// The statement is wrong for this database: syntax, a missing table, a value out of range, a missing privilege.
    Statement,
    /// A value does not fit the requested type, or any type that could hold it.
    Conversion,
    /// This backend or mode does not offer it.
    Unsupported,
    /// A migration is missing, changed or wrong.
    Migration,
    /// Anything else: a bug here or in a library below.
    Internal,
}

impl Condition {
    /// The class of the failure for transports and callers.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Unreachable | Self::Saturated | Self::Closed | Self::Interrupted | Self::Stale => {
                Kind::Unavailable
            }
            Self::Conflict => Kind::Aborted,
            // It may have happened all the same, as with a call that ran out of time.
            Self::Ambiguous | Self::Timeout => Kind::DeadlineExceeded,
            Self::UniqueViolation => Kind::AlreadyExists,
            Self::ForeignKeyViolation | Self::ExclusionViolation => Kind::FailedPrecondition,
            Self::NotNullViolation | Self::CheckViolation => Kind::InvalidArgument,
            Self::NotFound => Kind::NotFound,
            Self::Unsupported => Kind::Unimplemented,
            Self::Configuration
            | Self::Rejected
            | Self::TransactionAborted
            | Self::Statement
            | Self::Conversion
            | Self::Migration
            | Self::Internal => Kind::Internal,
        }
    }

    /// The same work can be tried again without harm: it is known not to have taken effect.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Unreachable | Self::Saturated | Self::Conflict | Self::Interrupted | Self::Stale)
    }

    /// Any constraint was violated.
    pub const fn is_constraint_violation(self) -> bool {
        matches!(
            self,
            Self::UniqueViolation
                | Self::ForeignKeyViolation
                | Self::NotNullViolation
                | Self::CheckViolation
                | Self::ExclusionViolation
        )
    }

    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::Configuration => "the database settings are not valid",
            Self::Rejected => "the database turned the connection down",
            Self::Unreachable => "the database cannot be reached",
            Self::Saturated => "the database has no room",
            Self::Closed => "the database pool is closed",
            Self::Conflict => "concurrent work got in the way",
            Self::Interrupted => "the connection ended before the work was committed",
            Self::Ambiguous => "the connection ended and whether the work took effect is not known",
            Self::Stale => "the connection was out of date",
            Self::Timeout => "the statement ran out of time",
            Self::UniqueViolation => "a unique constraint was violated",
            Self::ForeignKeyViolation => "a foreign key was violated",
            Self::NotNullViolation => "a value was missing",
            Self::CheckViolation => "a check constraint was violated",
            Self::ExclusionViolation => "an exclusion constraint was violated",
            Self::TransactionAborted => "the transaction was aborted by an earlier failure",
            Self::NotFound => "the row does not exist",
            Self::Statement => "the statement is not valid",
            Self::Conversion => "a value does not have the type asked for",
            Self::Unsupported => "this database does not offer it",
            Self::Migration => "the migrations do not fit the database",
            Self::Internal => "the database failed in a way that is not known here",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.sentence())
    }
}
