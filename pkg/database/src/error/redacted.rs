use std::{error::Error as StdError, fmt, sync::Arc};

/// A driver's error whose text quotes a value (`invalid input syntax for type integer: "..."`). Shows the code instead.
#[derive(Clone)]
pub(crate) struct Redacted(pub(super) Arc<sqlx::Error>);

impl Redacted {
    /// Class 22 of PostgreSQL, "data exception", is about values, and its messages repeat them.
    pub(super) fn applies_to(error: &sqlx::Error) -> bool {
        #[cfg(feature = "postgres")]
        if let Some(error) = error
            .as_database_error()
            .and_then(|error| error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>())
        {
            return error.code().starts_with("22");
        }
        let _ = error;
        false
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the database turned down a value")?;
        match self.0.as_database_error().and_then(sqlx::error::DatabaseError::code) {
            Some(code) => write!(f, " (SQLSTATE {code})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Redacted {}
