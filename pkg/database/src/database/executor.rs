use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ExecResult, QueryResult, Statement};

use crate::{Backend, error::DatabaseError};

/// Runs SQL: what a pool, a session and a transaction have in common.
///
/// Take a `&dyn Executor` where a function reads or writes and the caller decides whether that happens in a transaction.
///
/// Calls are independent of each other and may run concurrently; a session and a transaction send them one after the
/// other. A statement is retried only where the server reported that it did not start it (a stale cached plan).
///
/// sea-orm's `ConnectionTrait` has methods of the same names for its query builders. A module imports one of the two
/// traits; with sea-orm's in scope, hand-written SQL goes through `execute_raw`, `query_one_raw` and `query_all_raw`.
///
/// # Examples
/// ```
/// use underpin_database::{Connections, DatabaseError, Executor, TxOptions, sql};
///
/// async fn add(db: &dyn Executor, id: i32) -> Result<u64, DatabaseError> {
///     Ok(db.execute(sql("INSERT INTO account VALUES ($1)", [id.into()])).await?.rows_affected())
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), DatabaseError> {
/// # let settings = underpin_database::DatabaseSettings::new("sqlite::memory:");
/// # let pool = underpin_database::connect(&settings, std::sync::Arc::new(underpin_logger::NoopLogger)).await?;
/// # pool.batch("CREATE TABLE account (id INTEGER)").await?;
/// assert_eq!(add(&pool, 1).await?, 1);
/// let tx = pool.begin(TxOptions::default()).await?;
/// assert_eq!(add(&tx, 2).await?, 1);
/// tx.rollback().await?;
/// assert_eq!(pool.query_all(sql("SELECT id FROM account", [])).await?.len(), 1);
/// # Ok(()) }
/// ```
#[async_trait]
pub trait Executor: Send + Sync + 'static {
    /// Which database answers.
    fn backend(&self) -> Backend;

    /// Runs a statement and returns how many rows it changed.
    ///
    /// # Errors
    /// [`DatabaseError`], classified; see [`Condition`](crate::Condition).
    ///
    /// # Cancel safety
    /// The statement may have taken effect or not. The pool waits for its end before it lends the connection again, and
    /// asks the server to cancel one that runs for more than 50 ms.
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
}

const _: fn(&dyn Executor) = |_| ();

/// An `Arc<dyn Database>` goes wherever an `Executor` is asked for.
#[async_trait]
impl<D: Executor + ?Sized> Executor for Arc<D> {
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
}
