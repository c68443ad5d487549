use super::{condition::Condition, database_error::DatabaseError};
use crate::Backend;

/// The failure of a batch sent alone. SQLite runs it statement by statement: what came before the one that failed stays, so
/// that the whole must not be run again.
pub(crate) fn batch_failed(error: DatabaseError, backend: Backend, sql: &str) -> DatabaseError {
    if backend == Backend::Sqlite && error.is_retryable() && has_several(sql) {
        let what = "a batch failed, and what came before the statement that failed may have taken effect";
        return DatabaseError::because(Condition::Ambiguous, what, error);
    }
    error
}

fn has_several(sql: &str) -> bool {
    sql.trim_end_matches(|letter: char| letter == ';' || letter.is_whitespace()).contains(';')
}
