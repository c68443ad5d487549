use std::{fmt, sync::Arc, time::Duration};

use sea_orm::{ExecResult, Statement};
#[cfg(feature = "stream")]
use underpin_logger::Context;

use super::inner::SessionInner;
use crate::{Backend, DatabaseError, Transaction, TxOptions, driver::Query, pool::Disposition, spans};

/// One connection for a unit of work: several statements that belong together, or what only holds within a session.
///
/// It implements sea-orm's `ConnectionTrait` and `TransactionTrait`. Ten queries on a session acquire one connection.
///
/// The connection goes back when the session is dropped. After a statement that leaves something behind in the session
/// (SET, LISTEN, a raw BEGIN, ...) it is closed instead; call [`discard`](Self::discard) where a function of
/// yours did so.
///
/// When the future of a statement is dropped half-way, the next one has it cancelled and waits for its end.
#[must_use = "a session holds a connection of the pool"]
pub struct Session {
    inner: Arc<SessionInner>,
}

impl Session {
    pub(crate) fn new(inner: Arc<SessionInner>) -> Self {
        Self { inner }
    }

    /// Which database answers.
    pub fn backend(&self) -> Backend {
        self.inner.backend()
    }

    /// Opens a transaction on this connection. While it is open, statements of the session are part of it.
    ///
    /// # Errors
    /// What the server says to BEGIN, and [`Condition::Unreachable`](crate::Condition::Unreachable) when the connection
    /// is gone.
    ///
    /// # Cancel safety
    /// Cancel-safe: what was begun is rolled back.
    pub async fn begin_with(&self, options: TxOptions) -> Result<Transaction, DatabaseError> {
        let span = spans::transaction(self.inner.context(), self.backend());
        Transaction::begin(Arc::clone(&self.inner), span, options).await
    }

    /// Gives the session up and has its connection closed instead of lent to the next caller.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn discard(self) {
        self.inner.set_disposition(Disposition::Close).await;
    }

    /// Changes the limit on a statement for the rest of the session, whose connection is then closed instead of lent to the next caller. Zero means none.
    ///
    /// Use this rather than a raw `SET statement_timeout`: an answer that does not come within the limit and two seconds
    /// counts as lost.
    ///
    /// # Errors
    /// [`Condition::Unsupported`](crate::Condition::Unsupported) on SQLite.
    ///
    /// # Cancel safety
    /// See the type.
    pub async fn set_statement_timeout(&self, limit: Duration) -> Result<(), DatabaseError> {
        self.inner.set_statement_timeout(None, limit).await
    }

    /// Runs one or several statements without binds, separated by semicolons, in one round trip.
    ///
    /// # Errors
    /// As [`Pool::batch`](crate::Pool::batch).
    ///
    /// # Cancel safety
    /// See the type.
    pub async fn batch(&self, sql: &str) -> Result<ExecResult, DatabaseError> {
        self.inner.batch(None, self.inner.context(), sql).await
    }

    pub(crate) async fn open_transaction(&self, options: TxOptions) -> Result<Transaction, DatabaseError> {
        self.begin_with(options).await
    }

    pub(crate) async fn run<Q: Query>(&self, statement: Statement) -> Result<Q::Reply, DatabaseError> {
        self.inner.run::<Q>(None, self.inner.context(), statement).await
    }

    #[cfg(feature = "postgres")]
    pub(crate) async fn close_on_release(&self) {
        self.inner.set_disposition(Disposition::Close).await;
    }

    #[cfg(feature = "postgres")]
    pub(crate) async fn reuse_on_release(&self) {
        self.inner.set_disposition(Disposition::Reuse).await;
    }

    #[cfg(feature = "stream")]
    pub(crate) fn context(&self) -> Option<&Context> {
        self.inner.context()
    }

    #[cfg(feature = "stream")]
    pub(crate) fn inner(&self) -> &Arc<SessionInner> {
        &self.inner
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("backend", &self.backend()).finish_non_exhaustive()
    }
}
