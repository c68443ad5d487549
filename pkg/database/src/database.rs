use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sea_orm::{ExecResult, QueryResult, Statement};

use crate::{
    Backend, CloseOutcome, DatabaseError, DatabaseHealth, Pool, PoolStats, Session, Transaction, TxOptions,
    transaction,
};

/// A database: statements, transactions, and the life of the connections behind them.
///
/// Take an `Arc<dyn Database>` where a test shall put a mock; take a [`Pool`] where entities run, since sea-orm's
/// `ConnectionTrait` is not dyn-compatible.
///
/// Calls are independent of each other and may run at the same time. None retries a statement by itself, except where
/// the server said that it did not start it (a cached plan that went stale).
#[async_trait]
pub trait Database: Send + Sync + 'static {
    /// Which database answers.
    fn backend(&self) -> Backend;

    /// Runs a statement and says what it changed.
    ///
    /// # Errors
    /// [`DatabaseError`], classified; see [`Condition`](crate::Condition).
    ///
    /// # Cancel safety
    /// The statement may have taken effect or not. One that runs on for more than 50 ms is cancelled at the server; the pool
    /// waits for its end before it lends the connection again.
    async fn execute(&self, statement: Statement) -> Result<ExecResult, DatabaseError>;

    /// Runs a query and returns its first row.
    ///
    /// # Errors
    /// [`DatabaseError`], classified. No row is `None`, not an error.
    ///
    /// # Cancel safety
    /// As for [`execute`](Self::execute).
    async fn query_one(&self, statement: Statement) -> Result<Option<QueryResult>, DatabaseError>;

    /// Runs a query and returns all its rows.
    ///
    /// # Errors
    /// [`DatabaseError`], classified.
    ///
    /// # Cancel safety
    /// As for [`execute`](Self::execute).
    async fn query_all(&self, statement: Statement) -> Result<Vec<QueryResult>, DatabaseError>;

    /// Opens a transaction. [`DatabaseExt::transaction`] is more: it runs the whole again where that helps.
    ///
    /// # Errors
    /// [`DatabaseError`], classified; whatever it is, nothing is open.
    ///
    /// # Cancel safety
    /// Cancel-safe: a transaction that was begun is rolled back before anyone else gets the connection.
    async fn begin(&self, options: TxOptions) -> Result<Transaction, DatabaseError>;

    /// Takes one connection for a unit of work.
    ///
    /// # Errors
    /// [`Condition::Saturated`](crate::Condition::Saturated), [`Condition::Unreachable`](crate::Condition::Unreachable)
    /// or [`Condition::Closed`](crate::Condition::Closed).
    ///
    /// # Cancel safety
    /// Cancel-safe: the place in the queue is given up.
    async fn session(&self) -> Result<Session, DatabaseError>;

    /// Says how the database is doing, within a limit; on a connection of its own.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    async fn health(&self, within: Duration) -> DatabaseHealth;

    /// What the pool did and does.
    fn stats(&self) -> PoolStats;

    /// Lets no new caller in, waits for those who hold a connection, and closes everything. A second call waits again.
    ///
    /// # Cancel safety
    /// Cancel-safe: the pool stays closed.
    async fn close(&self, within: Duration) -> CloseOutcome;
}

const _: fn(&dyn Database) = |_| ();

/// What every [`Database`] can do on top, trait objects included.
pub trait DatabaseExt: Database {
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
    /// use underpin_database::{DatabaseError, TxOptions, sql};
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
        transaction::run(self, options, work)
    }
}

impl<D: Database + ?Sized> DatabaseExt for D {}

#[async_trait]
impl Database for Pool {
    fn backend(&self) -> Backend {
        Self::backend(self)
    }

    async fn execute(&self, statement: Statement) -> Result<ExecResult, DatabaseError> {
        Self::execute(self, statement).await
    }

    async fn query_one(&self, statement: Statement) -> Result<Option<QueryResult>, DatabaseError> {
        Self::query_one(self, statement).await
    }

    async fn query_all(&self, statement: Statement) -> Result<Vec<QueryResult>, DatabaseError> {
        Self::query_all(self, statement).await
    }

    async fn begin(&self, options: TxOptions) -> Result<Transaction, DatabaseError> {
        Self::begin(self, options).await
    }

    async fn session(&self) -> Result<Session, DatabaseError> {
        Self::session(self).await
    }

    async fn health(&self, within: Duration) -> DatabaseHealth {
        Self::health(self, within).await
    }

    fn stats(&self) -> PoolStats {
        Self::stats(self)
    }

    async fn close(&self, within: Duration) -> CloseOutcome {
        Self::close(self, within).await
    }
}

/// A shared database is a database, so that `Arc<dyn Database>` goes wherever a `Database` is asked for.
#[async_trait]
impl<D: Database + ?Sized> Database for Arc<D> {
    fn backend(&self) -> Backend {
        (**self).backend()
    }

    async fn execute(&self, statement: Statement) -> Result<ExecResult, DatabaseError> {
        (**self).execute(statement).await
    }

    async fn query_one(&self, statement: Statement) -> Result<Option<QueryResult>, DatabaseError> {
        (**self).query_one(statement).await
    }

    async fn query_all(&self, statement: Statement) -> Result<Vec<QueryResult>, DatabaseError> {
        (**self).query_all(statement).await
    }

    async fn begin(&self, options: TxOptions) -> Result<Transaction, DatabaseError> {
        (**self).begin(options).await
    }

    async fn session(&self) -> Result<Session, DatabaseError> {
        (**self).session().await
    }

    async fn health(&self, within: Duration) -> DatabaseHealth {
        (**self).health(within).await
    }

    fn stats(&self) -> PoolStats {
        (**self).stats()
    }

    async fn close(&self, within: Duration) -> CloseOutcome {
        (**self).close(within).await
    }
}
