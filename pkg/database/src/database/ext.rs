use super::{connections::Connections, retry};
use crate::{DatabaseError, Transaction, TxOptions};

/// Transactions that run again: what every [`Connections`] can do, trait objects included.
///
/// sea-orm's `TransactionTrait` has a method of the same name, which runs once. A module imports one of the two traits.
pub trait DatabaseExt: Connections {
    /// Runs `work` in a transaction and commits it.
    ///
    /// The whole closure runs again, after a pause, when the transaction failed in a way that is known to have left
    /// nothing behind: a serialization failure or deadlock (in a statement or at COMMIT), a busy SQLite file, a
    /// connection that broke before COMMIT, a cached plan that went stale. It must therefore do nothing outside of the
    /// transaction that must not happen twice. A COMMIT whose outcome is unknown is not run again: see
    /// [`DatabaseError::is_ambiguous`].
    ///
    /// When `work` fails, the transaction is rolled back and the error is passed on. Whether it runs again is decided by
    /// what the statements said, not by the type of the error.
    ///
    /// # Errors
    /// The error of `work`, or that of BEGIN or COMMIT.
    ///
    /// # Cancel safety
    /// Cancel-safe up to COMMIT: what was done is rolled back. Dropped during COMMIT, it may be committed or not.
    ///
    /// # Examples
    /// ```
    /// use underpin_database::{DatabaseError, DatabaseExt, Executor, TxOptions, sql};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), DatabaseError> {
    /// # let settings = underpin_database::DatabaseSettings::new("sqlite::memory:");
    /// # let db = underpin_database::connect(&settings, std::sync::Arc::new(underpin_logger::NoopLogger)).await?;
    /// # db.execute(sql("CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER)", [])).await?;
    /// # db.execute(sql("INSERT INTO account VALUES (1, 100), (2, 0)", [])).await?;
    /// let amount = 30;
    /// db.transaction(TxOptions::serializable(), |tx| async move {
    ///     let take = "UPDATE account SET balance = balance - $1 WHERE id = $2";
    ///     tx.execute(sql(take, [amount.into(), 1.into()])).await?;
    ///     let give = "UPDATE account SET balance = balance + $1 WHERE id = $2";
    ///     tx.execute(sql(give, [amount.into(), 2.into()])).await?;
    ///     Ok::<_, DatabaseError>(())
    /// })
    /// .await?;
    /// # let row = db.query_one(sql("SELECT balance FROM account WHERE id = 2", [])).await?.unwrap();
    /// # assert_eq!(row.try_get_by_index::<i32>(0).unwrap(), 30);
    /// # Ok(()) }
    /// ```
    fn transaction<T, E, F, Fut>(
        &self,
        options: TxOptions,
        work: F,
    ) -> impl Future<Output = Result<T, E>> + Send
    where
        E: From<DatabaseError> + Send,
        T: Send,
        F: FnMut(Transaction) -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        retry::run(self, options, work)
    }
}

impl<D: Connections + ?Sized> DatabaseExt for D {}
