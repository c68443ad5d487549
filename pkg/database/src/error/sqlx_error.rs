//! To and from sqlx's error, for code that runs its queries.

use std::{io, sync::Arc};

use super::{
    classify::{self, Stage},
    database_error::DatabaseError,
};

/// What came from this crate is found again with its condition; what sqlx says by itself is classified as a statement that
/// commits by itself.
impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        match own_in(&error) {
            Some(own) => own.clone(),
            None => Self::sqlx(error, Stage::Statement),
        }
    }
}

/// Keeps the condition: the driver's own error where that says the same, else an I/O error that holds this one.
impl From<DatabaseError> for sqlx::Error {
    fn from(error: DatabaseError) -> Self {
        let condition = error.condition();
        match error.into_driver() {
            Ok(driver) if classify::condition(&driver, Stage::Statement) == condition => driver,
            Ok(driver) => {
                let own = DatabaseError::driver(Arc::new(driver), Stage::Statement).reclassified(condition);
                Self::Io(io::Error::other(own))
            }
            Err(error) => Self::Io(io::Error::other(error)),
        }
    }
}

pub(super) fn own_in(error: &sqlx::Error) -> Option<&DatabaseError> {
    match error {
        sqlx::Error::Io(error) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Condition;

    #[test]
    fn a_condition_survives_the_way_through_sqlx() {
        let broken = || sqlx::Error::Io(io::Error::from(io::ErrorKind::ConnectionReset));
        for error in [
            DatabaseError::sqlx(broken(), Stage::InTransaction),
            DatabaseError::sqlx(broken(), Stage::Statement),
            DatabaseError::sqlx(sqlx::Error::RowNotFound, Stage::InTransaction),
            DatabaseError::said(Condition::TransactionAborted, "the transaction is already finished"),
        ] {
            let (condition, text) = (error.condition(), error.to_string());
            let back = DatabaseError::from(sqlx::Error::from(error));
            assert_eq!((back.condition(), back.to_string()), (condition, text));
        }
    }

    #[test]
    fn an_error_that_says_the_same_stays_that_of_the_driver() {
        let missing = DatabaseError::sqlx(sqlx::Error::RowNotFound, Stage::InTransaction);
        assert!(matches!(sqlx::Error::from(missing), sqlx::Error::RowNotFound));
    }
}
