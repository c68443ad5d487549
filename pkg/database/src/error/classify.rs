//! The one table from codes to conditions. Codes, never texts.
//!
//! Sources: PostgreSQL "Appendix A. Error Codes", SQLite "Result and Error Codes".

use std::sync::Arc;

use sea_orm::{DbErr, RuntimeErr};
use sqlx::error::DatabaseError as DriverError;

use super::condition::Condition;

/// When an error happened. The same broken socket means "nothing was sent" before a statement, "nothing is committed"
/// inside a transaction, and an unknown outcome at COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// While a connection was opened or checked, or at BEGIN.
    Before,
    /// A statement that commits by itself.
    Statement,
    /// A statement of an open transaction.
    InTransaction,
    /// COMMIT itself.
    Commit,
}

pub(crate) fn condition(error: &sqlx::Error, stage: Stage) -> Condition {
    match error {
        sqlx::Error::Database(error) => of_database(error.as_ref(), stage),
        // A certificate or name that the TLS layer rejects is an I/O error of this kind.
        sqlx::Error::Io(error)
            if stage == Stage::Before && error.kind() == std::io::ErrorKind::InvalidData =>
        {
            Condition::Rejected
        }
        sqlx::Error::Io(_) => lost(stage),
        // The peer or the worker said something that makes no sense: the connection is replaced. Whether a statement
        // sent alone took effect cannot be known then.
        sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => match stage {
            Stage::Before | Stage::InTransaction => Condition::Stale,
            Stage::Statement | Stage::Commit => Condition::Ambiguous,
        },
        sqlx::Error::BeginFailed => Condition::Stale,
        sqlx::Error::Configuration(_) => Condition::Configuration,
        sqlx::Error::Tls(_) => Condition::Rejected,
        sqlx::Error::PoolTimedOut => Condition::Saturated,
        sqlx::Error::PoolClosed => Condition::Closed,
        sqlx::Error::RowNotFound => Condition::NotFound,
        sqlx::Error::TypeNotFound { .. } | sqlx::Error::InvalidArgument(_) | sqlx::Error::Encode(_) => {
            Condition::Statement
        }
        sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_) => Condition::Conversion,
        // The enum is open; an unknown error is never retried.
        _ => Condition::Internal,
    }
}

/// The prepared statement is gone (DEALLOCATE, DISCARD), or its plan no longer fits its table. The server says the second in
/// the name of the routine, which unlike the message is not translated.
pub(crate) fn is_stale_plan(error: &sqlx::Error) -> bool {
    #[cfg(feature = "postgres")]
    if let Some(error) = postgres(error) {
        return error.code() == "26000"
            || (error.code() == "0A000" && error.routine() == Some("RevalidateCachedQuery"));
    }
    let _ = error;
    false
}

/// The server refuses writes. Unless the transaction was opened read-only, it is no longer the primary.
pub(crate) fn is_refused_write(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(DriverError::code).as_deref() == Some("25006")
}

/// The connection is not to be used again after this error.
pub(crate) fn leaves_the_connection_unusable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => true,
        sqlx::Error::Database(_) => {
            #[cfg(feature = "postgres")]
            if let Some(error) = postgres(error) {
                // FATAL and PANIC end the session; 08xxx says that the way to the server is broken.
                return !matches!(error.severity(), sqlx::postgres::PgSeverity::Error)
                    || error.code().starts_with("08");
            }
            false
        }
        _ => false,
    }
}

#[cfg(feature = "postgres")]
fn postgres(error: &sqlx::Error) -> Option<&sqlx::postgres::PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}

/// The driver's error inside of one of sea-orm.
pub(super) fn sqlx_in(error: &DbErr) -> Option<&Arc<sqlx::Error>> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

fn of_database(error: &dyn DriverError, stage: Stage) -> Condition {
    #[cfg(feature = "postgres")]
    if let Some(error) = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
        let stale = error.routine() == Some("RevalidateCachedQuery");
        return of_sqlstate(error.code(), stale, stage);
    }
    #[cfg(feature = "sqlite")]
    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        let code = error.code().and_then(|code| code.parse().ok()).unwrap_or(0);
        return of_sqlite(code, stage);
    }
    let _ = (error, stage);
    Condition::Internal
}

/// The connection is gone.
fn lost(stage: Stage) -> Condition {
    match stage {
        Stage::Before => Condition::Unreachable,
        Stage::InTransaction => Condition::Interrupted,
        Stage::Statement | Stage::Commit => Condition::Ambiguous,
    }
}

#[cfg(any(feature = "postgres", test))]
fn of_sqlstate(code: &str, stale_plan: bool, stage: Stage) -> Condition {
    match code {
        "23505" => Condition::UniqueViolation,
        "23503" | "23001" => Condition::ForeignKeyViolation,
        "23502" => Condition::NotNullViolation,
        "23514" => Condition::CheckViolation,
        "23P01" => Condition::ExclusionViolation,
        "40001" | "40P01" | "55P03" => Condition::Conflict,
        // Statement completion unknown; transaction resolution unknown.
        "40003" | "08007" => Condition::Ambiguous,
        // The administrator ended the session or the server crashed: the open transaction is rolled back.
        "57P01" | "57P02" => match stage {
            Stage::Before => Condition::Unreachable,
            Stage::Statement | Stage::InTransaction => Condition::Interrupted,
            Stage::Commit => Condition::Ambiguous,
        },
        // Starting up or shutting down.
        "57P03" => Condition::Unreachable,
        // Cancelled by statement_timeout or by hand; ended for idling in a transaction, as a session, or for the
        // length of the transaction.
        "57014" | "25P03" | "57P05" | "25P04" => Condition::Timeout,
        "0A000" if stale_plan => Condition::Stale,
        // The prepared statement does not exist.
        "26000" => Condition::Stale,
        // Read-only: the server we are connected to is no longer the primary.
        "25006" => Condition::Stale,
        "25P02" => Condition::TransactionAborted,
        "0A000" => Condition::Statement,
        // 3D000 comes when a connection is opened; in a statement it is about another database.
        "3D000" => Condition::Rejected,
        _ => match code.get(..2) {
            Some("08") => lost(stage),
            Some("53") => Condition::Saturated,
            Some("28") => Condition::Rejected,
            Some("22" | "25" | "34" | "42" | "3F" | "P0" | "55" | "2B" | "2F" | "21" | "23" | "40") => {
                Condition::Statement
            }
            _ => Condition::Internal,
        },
    }
}

#[cfg(any(feature = "sqlite", test))]
fn of_sqlite(code: i32, stage: Stage) -> Condition {
    match code {
        // PRIMARYKEY, UNIQUE, ROWID
        1555 | 2067 | 2579 => return Condition::UniqueViolation,
        787 => return Condition::ForeignKeyViolation,
        1299 => return Condition::NotNullViolation,
        275 => return Condition::CheckViolation,
        _ => {}
    }
    // The lowest byte of an extended code is the primary code.
    match code & 0xff {
        // BUSY (261 recovery, 517 snapshot), LOCKED (262 shared cache)
        5 | 6 => Condition::Conflict,
        // FULL
        13 => Condition::Saturated,
        // INTERRUPT
        9 => Condition::Timeout,
        // IOERR: a write may or may not have reached the disk.
        10 if stage == Stage::Commit => Condition::Ambiguous,
        // PERM, CANTOPEN, AUTH, NOTADB
        3 | 14 | 23 | 26 => Condition::Rejected,
        // ERROR, READONLY, TOOBIG, CONSTRAINT, MISMATCH, RANGE
        1 | 8 | 18 | 19 | 20 | 25 => Condition::Statement,
        _ => Condition::Internal,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    const STAGES: [Stage; 4] = [Stage::Before, Stage::Statement, Stage::InTransaction, Stage::Commit];

    #[test]
    fn a_broken_socket_means_something_else_at_each_stage() {
        let broken = || sqlx::Error::Io(io::Error::from(io::ErrorKind::UnexpectedEof));
        let conditions = STAGES.map(|stage| condition(&broken(), stage));
        assert_eq!(
            conditions,
            [Condition::Unreachable, Condition::Ambiguous, Condition::Interrupted, Condition::Ambiguous]
        );
        assert_eq!(STAGES.map(|stage| of_sqlstate("08006", false, stage)), conditions);
    }

    #[test]
    fn the_retry_table_row_by_row() {
        let row = |codes: &[&str], conditions: [Condition; 4]| {
            for code in codes {
                assert_eq!(STAGES.map(|stage| of_sqlstate(code, false, stage)), conditions, "{code}");
            }
        };
        row(&["53000", "53100", "53200", "53300"], [Condition::Saturated; 4]);
        row(&["57P03"], [Condition::Unreachable; 4]);
        row(&["40001", "40P01", "55P03"], [Condition::Conflict; 4]);
        row(
            &["57P01", "57P02"],
            [Condition::Unreachable, Condition::Interrupted, Condition::Interrupted, Condition::Ambiguous],
        );
        row(&["40003", "08007"], [Condition::Ambiguous; 4]);
        row(&["25006", "26000"], [Condition::Stale; 4]);
        row(&["57014", "25P03", "57P05"], [Condition::Timeout; 4]);
        row(&["28P01", "28000", "3D000"], [Condition::Rejected; 4]);
        row(&["42601", "42P01", "22003"], [Condition::Statement; 4]);
        row(&["25P02"], [Condition::TransactionAborted; 4]);
        row(&["23505"], [Condition::UniqueViolation; 4]);
        row(&["23503"], [Condition::ForeignKeyViolation; 4]);
        row(&["23502"], [Condition::NotNullViolation; 4]);
        row(&["23514"], [Condition::CheckViolation; 4]);
        row(&["23P01"], [Condition::ExclusionViolation; 4]);
        row(&["XX000", "?"], [Condition::Internal; 4]);
    }

    #[test]
    fn a_feature_that_is_not_supported_is_stale_only_for_a_cached_plan() {
        assert_eq!(of_sqlstate("0A000", true, Stage::Statement), Condition::Stale);
        assert_eq!(of_sqlstate("0A000", false, Stage::Statement), Condition::Statement);
    }

    #[test]
    fn sqlite_codes_have_their_place() {
        let of = |code| of_sqlite(code, Stage::Statement);
        for code in [5, 6, 261, 262, 517] {
            assert_eq!(of(code), Condition::Conflict, "{code}");
        }
        assert_eq!([of(1555), of(2067)], [Condition::UniqueViolation; 2]);
        assert_eq!(
            [of(787), of(275), of(1299)],
            [Condition::ForeignKeyViolation, Condition::CheckViolation, Condition::NotNullViolation]
        );
        assert_eq!(of_sqlite(778, Stage::Commit), Condition::Ambiguous);
    }

    #[test]
    fn only_what_surely_did_not_happen_is_retryable() {
        for code in ["08006", "57P01", "40003"] {
            assert!(!of_sqlstate(code, false, Stage::Commit).is_retryable(), "{code}");
        }
        assert!(!condition(&sqlx::Error::Protocol(String::new()), Stage::Statement).is_retryable());
    }
}
