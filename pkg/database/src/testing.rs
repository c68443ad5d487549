//! Test doubles. Which to use when:
//!
//! - the logic around a database (what happens when it is down, is it closed at the end): [`MockDatabase`];
//! - queries: an in-memory SQLite (`sqlite::memory:`), or a rolled-back transaction on the real database;
//! - the exact SQL that an entity makes: sea-orm's own mock, `sea_orm::MockDatabase`, which shares the name and nothing else.

use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{ExecResult, QueryResult, Statement};

use crate::{
    Backend, CloseOutcome, Condition, Database, DatabaseError, DatabaseHealth, PoolStats, Session,
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

/// An error of this condition, for a mock to return.
pub fn error(condition: Condition) -> DatabaseError {
    DatabaseError::new(condition)
}
