//! To and from sea-orm's error, so that `?` works in both directions inside a transaction.

use std::{io, sync::Arc};

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};

use super::{
    classify::{self, Stage, sqlx_in},
    condition::Condition,
    database_error::{DatabaseError, Source},
    sqlx_error::own_in,
};

/// Keeps the condition. What a server said stays where sea-orm's `sql_err()` looks for it, as long as it says the same there
/// as here; everything else travels as an I/O error that holds this one.
impl From<DatabaseError> for DbErr {
    fn from(error: DatabaseError) -> Self {
        match error.source_kept() {
            Some(Source::Sqlx(sqlx)) if says_the_same(&error, sqlx) => {
                Self::Query(RuntimeErr::SqlxError(Arc::clone(sqlx)))
            }
            Some(Source::Orm(original)) => original.clone(),
            None if error.condition() == Condition::Closed => {
                Self::ConnectionAcquire(ConnAcquireErr::ConnectionClosed)
            }
            _ => {
                let came_from_the_server = error.database_error().is_some();
                let own = RuntimeErr::SqlxError(Arc::new(sqlx::Error::Io(io::Error::other(error))));
                if came_from_the_server { Self::Query(own) } else { Self::Conn(own) }
            }
        }
    }
}

/// Whether the condition is found again without knowing when the error happened.
fn says_the_same(error: &DatabaseError, sqlx: &sqlx::Error) -> bool {
    sqlx.as_database_error().is_some() && classify::condition(sqlx, Stage::Statement) == error.condition()
}

/// What came from this crate is found again with its condition; what sea-orm says by itself is classified.
impl From<DbErr> for DatabaseError {
    fn from(error: DbErr) -> Self {
        if let Some(sqlx) = sqlx_in(&error) {
            if let Some(own) = own_in(sqlx) {
                return own.clone();
            }
            let stage = if matches!(error, DbErr::Conn(_)) { Stage::Before } else { Stage::Statement };
            return Self::driver(Arc::clone(sqlx), stage);
        }
        let condition = match &error {
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => Condition::Saturated,
            DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed) => {
                return Self::new(Condition::Closed);
            }
            DbErr::Conn(_) => Condition::Unreachable,
            DbErr::RecordNotFound(_) | DbErr::RecordNotUpdated => Condition::NotFound,
            DbErr::TryIntoErr { .. } | DbErr::ConvertFromU64(_) | DbErr::Type(_) | DbErr::Json(_) => {
                Condition::Conversion
            }
            DbErr::BackendNotSupported { .. } => Condition::Unsupported,
            DbErr::Migration(_) => Condition::Migration,
            DbErr::UpdateGetPrimaryKey
            | DbErr::AttrNotSet(_)
            | DbErr::KeyArityMismatch { .. }
            | DbErr::PrimaryKeyNotSet { .. } => Condition::Statement,
            _ => Condition::Internal,
        };
        Self::of(condition, Source::Orm(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_survives_the_way_through_sea_orm() {
        for condition in [
            Condition::Unreachable,
            Condition::Saturated,
            Condition::Closed,
            Condition::Interrupted,
            Condition::Ambiguous,
            Condition::TransactionAborted,
        ] {
            let there_and_back = DatabaseError::from(DbErr::from(DatabaseError::new(condition)));
            assert_eq!(there_and_back.condition(), condition);
        }
        let broken = || sqlx::Error::Io(io::Error::from(io::ErrorKind::ConnectionReset));
        let inside = DatabaseError::sqlx(broken(), Stage::InTransaction);
        assert_eq!(DatabaseError::from(DbErr::from(inside)).condition(), Condition::Interrupted);
    }

    #[test]
    fn what_sea_orm_says_by_itself_is_classified() {
        let not_found = DatabaseError::from(DbErr::RecordNotFound("order".to_owned()));
        assert!(not_found.is_not_found());
        assert_eq!(not_found.to_string(), "the row does not exist");
        assert_eq!(DatabaseError::from(DbErr::Custom("?".into())).condition(), Condition::Internal);
    }
}
