//! sqlx's own queries in a transaction of this crate.

mod backend;
mod executor;
mod query;
mod stream;

pub use backend::SqlxBackend;
pub use executor::SqlxExecutor;

use crate::Transaction;

impl Transaction {
    /// Runs queries of sqlx in this transaction, those that `query!` and `query_as!` check when they compile included.
    ///
    /// Statements keep what they have here: the limit on the reply, the slow-query log, the check of dates, and a conflict makes
    /// [`DatabaseExt::transaction`](crate::DatabaseExt::transaction) run the closure again. `?` turns sqlx's error into a
    /// [`DatabaseError`](crate::DatabaseError).
    ///
    /// The macros expand to paths of a crate `sqlx`: depend on the version that [`underpin_database::sqlx`](crate::sqlx) is,
    /// with its feature `macros`. They ask the database of `DATABASE_URL` when they compile, or read what `cargo sqlx prepare`
    /// has written to `.sqlx`.
    ///
    /// # Errors
    /// Each query ends with sqlx's own error. One for the other database ends with `sqlx::Error::Configuration`.
    ///
    /// # Cancel safety
    /// As that of the transaction: after a query, or a stream of rows, that was dropped before its end, it can only be rolled
    /// back.
    ///
    /// # Examples
    /// ```
    /// use underpin_database::{DatabaseError, DatabaseExt, TxOptions, sqlx};
    ///
    /// #[derive(sqlx::FromRow)]
    /// struct Account { id: i64, balance: i64 }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), DatabaseError> {
    /// # let settings = underpin_database::DatabaseSettings::new("sqlite::memory:");
    /// # let pool = underpin_database::connect(&settings, std::sync::Arc::new(underpin_logger::NoopLogger)).await?;
    /// # pool.batch("CREATE TABLE account (id BIGINT NOT NULL, balance BIGINT NOT NULL); INSERT INTO account VALUES (1, 100)").await?;
    /// let account = pool
    ///     .transaction(TxOptions::default(), |tx| async move {
    ///         // Checked when it is compiled, against the table in `.sqlx`.
    ///         sqlx::query!("UPDATE account SET balance = balance - $1 WHERE id = $2", 30_i64, 1_i64).execute(tx.sqlx()).await?;
    ///         // Checked when it runs.
    ///         let query = sqlx::query_as("SELECT id, balance FROM account WHERE id = $1").bind(1);
    ///         let account: Account = query.fetch_one(tx.sqlx::<sqlx::Sqlite>()).await?;
    ///         Ok::<_, DatabaseError>(account)
    ///     })
    ///     .await?;
    /// assert_eq!((account.id, account.balance), (1, 70));
    /// # Ok(()) }
    /// ```
    pub fn sqlx<D: SqlxBackend>(&self) -> SqlxExecutor<'_, D> {
        SqlxExecutor::new(self)
    }
}
