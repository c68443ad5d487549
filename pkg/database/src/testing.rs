//! Test doubles. Which to use when:
//!
//! - the logic around a database (what happens when it is down, is it closed at the end): [`MockDatabase`];
//! - queries: an in-memory SQLite (`sqlite::memory:`), or a rolled-back transaction on the real database;
//! - the exact SQL that an entity makes: sea-orm's own mock, `sea_orm::MockDatabase`, which shares the name and nothing else.

use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{ExecResult, QueryResult, Statement};

use crate::{
    Backend, CloseOutcome, Condition, Database, DatabaseError, DatabaseHealth, Pool, PoolStats, Session,
    Transaction, TxOptions,
};

mockall::mock! {
    /// A [`Database`] that does what a test expects of it.
    ///
    /// # Examples
    /// ```
    /// use std::{sync::Arc, time::Duration};
    /// use underpin_database::{CloseOutcome, Condition, Database, testing::{MockDatabase, error}};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let mut mock = MockDatabase::new();
    /// mock.expect_session().times(1).returning(|| Err(error(Condition::Saturated)));
    /// mock.expect_close().returning(|_| CloseOutcome::Drained);
    ///
    /// let database: Arc<dyn Database> = Arc::new(mock);
    /// assert!(database.session().await.unwrap_err().is_retryable());
    /// assert_eq!(database.close(Duration::ZERO).await, CloseOutcome::Drained);
    /// # }
    /// ```
    #[derive(Debug)]
    pub Database {}

    #[async_trait]
    impl Database for Database {
        fn backend(&self) -> Backend;
        async fn execute(&self, statement: Statement) -> Result<ExecResult, DatabaseError>;
        async fn query_one(&self, statement: Statement) -> Result<Option<QueryResult>, DatabaseError>;
        async fn query_all(&self, statement: Statement) -> Result<Vec<QueryResult>, DatabaseError>;
        async fn begin(&self, options: TxOptions) -> Result<Transaction, DatabaseError>;
        async fn session(&self) -> Result<Session, DatabaseError>;
        async fn health(&self, within: Duration) -> DatabaseHealth;
        fn stats(&self) -> PoolStats;
        async fn close(&self, within: Duration) -> CloseOutcome;
    }
}

/// Runs a test in a transaction of a real database and rolls it back, whatever the test did: each test sees the database
/// as it was, and many run at the same time.
///
/// The code under test must take a transaction or anything that is a `ConnectionTrait`; its own transactions become
/// savepoints. What it does at COMMIT (deferred constraints, notifications) does not happen.
///
/// # Errors
/// When the transaction cannot be opened.
///
/// # Cancel safety
/// Cancel-safe.
///
/// # Examples
/// ```
/// use underpin_database::{DatabaseError, sql, testing::rolled_back};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), DatabaseError> {
/// # let settings = underpin_database::DatabaseSettings::new("sqlite::memory:");
/// # let pool = underpin_database::connect(&settings, std::sync::Arc::new(underpin_logger::NoopLogger)).await?;
/// # pool.batch("CREATE TABLE account (id INTEGER)").await?;
/// let rows = rolled_back(&pool, |tx| async move {
///     tx.batch("INSERT INTO account VALUES (1)").await?;
///     tx.query_all(sql("SELECT id FROM account", [])).await
/// })
/// .await??;
/// assert_eq!(rows.len(), 1);
/// assert!(pool.query_one(sql("SELECT id FROM account", [])).await?.is_none());
/// # Ok(()) }
/// ```
pub async fn rolled_back<T, F, Fut>(pool: &Pool, test: F) -> Result<T, DatabaseError>
where
    F: FnOnce(Transaction) -> Fut,
    Fut: Future<Output = T>,
{
    let tx = pool.begin(TxOptions::default()).await?;
    let outcome = test(tx.lend()).await;
    tx.rollback().await?;
    Ok(outcome)
}

/// An error of this condition, for a mock to return.
pub fn error(condition: Condition) -> DatabaseError {
    DatabaseError::new(condition)
}
