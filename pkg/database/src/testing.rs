//! Test doubles, and which to use when.
//!
//! | what the test is about | use | because |
//! |---|---|---|
//! | what the code does when the database is down, saturated or slow; that it closes the pool at its end | [`MockDatabase`] | no server does this when it is asked to |
//! | that a query finds and changes the right rows | [`rolled_back`] on a real PostgreSQL | only the database knows what a statement means |
//! | the same where the SQL means the same on SQLite | `sqlite::memory:` | nothing to install, a database for each test |
//! | code that opens a transaction, and what it does when that fails first | [`MockDatabase`] whose `begin` hands out a transaction of [`memory`] | a transaction that succeeds needs a database that keeps what is written |
//! | which SQL an entity makes; code that only needs some rows back | sea-orm's own `MockDatabase` | it keeps the statements and returns the rows it was given |
//!
//! The two mocks share the name and nothing else: ours stands for [`Database`](crate::Database), sea-orm's for a connection. A query that was
//! only ever tested on a mock is a query that was never run: mock what a database does not do when asked to (fail), and
//! run the rest.
//!
//! # The logic around a database: `MockDatabase`
//!
//! The code takes `Arc<dyn Database>`.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use underpin_database::{Condition, Database, DatabaseHealth, Executor, sql, testing::{MockDatabase, error}};
//!
//! /// Answers from the database, or says when to come again.
//! async fn greeting(database: Arc<dyn Database>) -> Result<String, Duration> {
//!     match database.query_one(sql("SELECT text FROM greeting", [])).await {
//!         Ok(Some(row)) => Ok(row.try_get_by_index(0).unwrap_or_default()),
//!         Ok(None) => Ok("hello".to_owned()),
//!         Err(failed) if failed.is_retryable() => Err(Duration::from_secs(1)),
//!         Err(_) => Err(Duration::from_secs(60)),
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let mut mock = MockDatabase::new();
//! mock.expect_query_one().times(1).returning(|_| Err(error(Condition::Saturated)));
//! assert_eq!(greeting(Arc::new(mock)).await, Err(Duration::from_secs(1)));
//! # }
//! ```
//!
//! # The rows themselves: a transaction that is rolled back
//!
//! The code takes anything that is a `ConnectionTrait`, as entities do. Tests share one database and one pool, run at the
//! same time, and leave nothing behind.
//!
//! ```
//! use underpin_database::{DatabaseError, sql, testing::rolled_back};
//! use underpin_database::sea_orm::{ConnectionTrait, DbErr};
//!
//! /// Takes an amount, and says whether the account had it.
//! async fn withdraw(db: &impl ConnectionTrait, amount: i32) -> Result<bool, DbErr> {
//!     let take = "UPDATE account SET balance = balance - $1 WHERE balance >= $1";
//!     Ok(db.execute_raw(sql(take, [amount.into()])).await?.rows_affected() == 1)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), DatabaseError> {
//! # let settings = underpin_database::DatabaseSettings::new("sqlite::memory:");
//! # let pool = underpin_database::connect(&settings, std::sync::Arc::new(underpin_logger::NoopLogger)).await?;
//! # pool.batch("CREATE TABLE account (balance INTEGER)").await?;
//! rolled_back(&pool, |tx| async move {
//!     tx.batch("INSERT INTO account VALUES (100)").await?;
//!     assert!(withdraw(&tx, 70).await?);
//!     assert!(!withdraw(&tx, 70).await?, "30 are left");
//!     Ok::<_, DatabaseError>(())
//! })
//! .await??;
//! assert!(pool.query_one_raw(sql("SELECT 1 FROM account", [])).await?.is_none());
//! # Ok(()) }
//! ```
//!
//! # The SQL of an entity: sea-orm's own mock
//!
//! With sea-orm's feature `mock` among the development dependencies.
//!
//! ```
//! use underpin_database::sea_orm::{DbBackend, DbErr, EntityTrait, MockDatabase};
//!
//! mod account {
//!     use underpin_database::sea_orm::{self, entity::prelude::*};
//!
//!     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
//!     #[sea_orm(table_name = "account")]
//!     pub struct Model {
//!         #[sea_orm(primary_key)]
//!         pub id: i32,
//!         pub balance: i64,
//!     }
//!
//!     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
//!     pub enum Relation {}
//!
//!     impl ActiveModelBehavior for ActiveModel {}
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), DbErr> {
//! let row = account::Model { id: 7, balance: 100 };
//! let mock = MockDatabase::new(DbBackend::Postgres).append_query_results([[row.clone()]]).into_connection();
//!
//! assert_eq!(account::Entity::find_by_id(7).one(&mock).await?, Some(row));
//! let log = mock.into_transaction_log();
//! let asked = &log[0].statements()[0].sql;
//! assert!(asked.ends_with(r#"WHERE "account"."id" = $1 LIMIT $2"#), "{asked}");
//! # Ok(()) }
//! ```

use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{ExecResult, QueryResult, Statement};

use crate::{
    Backend, CloseOutcome, Condition, Connections, DatabaseError, DatabaseHealth, Executor, Pool,
    PoolControl, PoolStats, Session, Transaction, TxOptions,
};

mockall::mock! {
    /// A [`Database`](crate::Database) that does what a test expects of it.
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
    impl Executor for Database {
        fn backend(&self) -> Backend;
        async fn execute(&self, statement: Statement) -> Result<ExecResult, DatabaseError>;
        async fn query_one(&self, statement: Statement) -> Result<Option<QueryResult>, DatabaseError>;
        async fn query_all(&self, statement: Statement) -> Result<Vec<QueryResult>, DatabaseError>;
    }

    #[async_trait]
    impl Connections for Database {
        async fn begin(&self, options: TxOptions) -> Result<Transaction, DatabaseError>;
        async fn session(&self) -> Result<Session, DatabaseError>;
    }

    #[async_trait]
    impl PoolControl for Database {
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
/// use underpin_database::{DatabaseError, Executor, sql, testing::rolled_back};
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
    let tx = pool.open_transaction(TxOptions::default()).await?;
    let outcome = test(tx.lend()).await;
    tx.rollback().await?;
    Ok(outcome)
}

/// A pool on a fresh SQLite database in memory: a fake whose transactions commit, roll back and find their rows.
///
/// # Errors
/// As [`connect`](crate::connect).
///
/// # Examples
/// A mock that refuses the first transaction and grants the second:
/// ```
/// use underpin_database::testing::{MockDatabase, error, memory};
/// use underpin_database::{Condition, Connections, DatabaseError, DatabaseExt, Executor, TxOptions, sql};
///
/// async fn pay(database: &dyn Connections) -> Result<(), DatabaseError> {
///     let work = async |tx: underpin_database::Transaction| tx.execute(sql("INSERT INTO payment VALUES (1)", [])).await;
///     database.transaction(TxOptions::default(), work).await.map(drop)
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), DatabaseError> {
/// let pool = memory().await?;
/// pool.batch("CREATE TABLE payment (id INTEGER)").await?;
/// let mut mock = MockDatabase::new();
/// mock.expect_begin().times(1).return_once(|_| Err(error(Condition::Saturated)));
/// let granted = pool.begin(TxOptions::default()).await?;
/// mock.expect_begin().times(1).return_once(move |_| Ok(granted));
///
/// assert!(pay(&mock).await.unwrap_err().is_retryable());
/// pay(&mock).await?;
/// assert!(pool.query_one(sql("SELECT 1 FROM payment", [])).await?.is_some());
/// # Ok(()) }
/// ```
#[cfg(feature = "sqlite")]
pub async fn memory() -> Result<Pool, DatabaseError> {
    let settings = crate::DatabaseSettings::new("sqlite::memory:");
    crate::connect(&settings, std::sync::Arc::new(underpin_logger::NoopLogger)).await
}

/// An error of this condition, for a mock to return.
pub fn error(condition: Condition) -> DatabaseError {
    DatabaseError::new(condition)
}
