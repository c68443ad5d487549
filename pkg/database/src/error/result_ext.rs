use sea_orm::DbErr;

use super::database_error::DatabaseError;

/// Classifies an error of sea-orm or sqlx in a function that returns another error than [`DatabaseError`].
///
/// `?` turns a [`DbErr`] into a [`DatabaseError`], and that into an `underpin_errors::Error`, but no `?` takes two steps at
/// once. Queries through an entity and the values of a row end with a `DbErr`.
///
/// # Examples
/// ```
/// use underpin_database::{DbResultExt, Executor, Pool, sql};
/// use underpin_errors::{Error, Kind};
///
/// async fn balance(pool: &Pool, account: i64) -> Result<i64, Error> {
///     let statement = sql("SELECT balance FROM account WHERE id = $1", [account.into()]);
///     let row = pool.query_one(statement).await?.ok_or_else(|| Error::new(Kind::NotFound, "no such account"))?;
///     Ok(row.try_get("", "balance").classified()?)
/// }
/// # use std::sync::Arc;
/// # use underpin_database::{DatabaseSettings, connect};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// # let pool = connect(&DatabaseSettings::new("sqlite::memory:"), Arc::new(underpin_logger::NoopLogger)).await?;
/// # pool.batch("CREATE TABLE account (id INTEGER PRIMARY KEY, balance TEXT); INSERT INTO account VALUES (1, 'much')").await?;
///
/// let error = balance(&pool, 1).await.unwrap_err(); // the column holds text
/// assert_eq!(error.kind(), Kind::Internal);
/// assert_eq!(balance(&pool, 2).await.unwrap_err().kind(), Kind::NotFound);
/// # Ok(()) }
/// ```
pub trait DbResultExt<T>: Sized {
    /// The same result, with an error that knows its [`Condition`](crate::Condition).
    ///
    /// # Errors
    /// The error that was there.
    fn classified(self) -> Result<T, DatabaseError>;
}

impl<T> DbResultExt<T> for Result<T, DbErr> {
    fn classified(self) -> Result<T, DatabaseError> {
        self.map_err(DatabaseError::from)
    }
}

impl<T> DbResultExt<T> for Result<T, sqlx::Error> {
    fn classified(self) -> Result<T, DatabaseError> {
        self.map_err(DatabaseError::from)
    }
}
