//! Transactions whose COMMIT result can be trusted.

mod options;

use std::{fmt, sync::Arc, time::Duration};

use sea_orm::{ExecResult, Statement};
use underpin_logger::{Context, Span};

use crate::{
    Backend, Condition, DatabaseError,
    driver::Query,
    pool::Disposition,
    session::{SessionInner, TxId},
    spans,
};

pub use options::{Isolation, TxOptions};

/// An open transaction, or one nested in another (a savepoint).
///
/// It implements sea-orm's `ConnectionTrait` and `TransactionTrait`, so entities run on it unchanged. Statements are sent
/// one after the other, also when several futures share it.
///
/// - Dropped before its end, it is rolled back: a nested one before the next statement, an outer one by the pool, in the
///   background, before anyone else gets the connection.
/// - [`commit`](Self::commit) fails where the transaction was not committed, also where PostgreSQL answers an aborted transaction with
///   a quiet ROLLBACK.
/// - When the future of a statement is dropped half-way, it is not known here what it did: the transaction can only be
///   rolled back then, and says so.
///
/// # Examples
/// ```
/// use underpin_database::{Connections, DatabaseError, Executor, TxOptions, sql};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), DatabaseError> {
/// # let settings = underpin_database::DatabaseSettings::new("sqlite::memory:");
/// # let db = underpin_database::connect(&settings, std::sync::Arc::new(underpin_logger::NoopLogger)).await?;
/// # db.batch("CREATE TABLE account (name TEXT)").await?;
/// let tx = db.begin(TxOptions::default()).await?;
/// tx.execute(sql("INSERT INTO account VALUES ('ada')", [])).await?;
/// tx.commit().await?;
///
/// let tx = db.begin(TxOptions::default()).await?;
/// tx.execute(sql("DELETE FROM account", [])).await?;
/// drop(tx); // rolled back
/// assert!(db.query_one(sql("SELECT 1 FROM account", [])).await?.is_some());
/// # Ok(()) }
/// ```
#[must_use = "a transaction that is dropped is rolled back"]
pub struct Transaction {
    session: Arc<SessionInner>,
    id: TxId,
    /// Whether dropping this handle ends the transaction.
    owns: bool,
    /// Where its statements stand: in its span, if that is recorded.
    ctx: Option<Context>,
    /// Of the outermost transaction's own handle.
    span: Option<Span>,
}

impl Transaction {
    pub(crate) async fn begin(
        session: Arc<SessionInner>,
        mut span: Span,
        options: TxOptions,
    ) -> Result<Self, DatabaseError> {
        let begun = session.begin(None, options).await;
        let id = begun.inspect_err(|error| spans::failed(&mut span, error))?;
        // A span that is not recorded has the context that its opener had; statements look for theirs themselves then.
        let ctx = if span.is_recording() { Some(span.ctx()) } else { session.context() }.cloned();
        Ok(Self { session, id, owns: true, ctx, span: Some(span) })
    }

    /// Which database answers.
    pub fn backend(&self) -> Backend {
        self.session.backend()
    }

    /// Makes what was done durable and visible.
    ///
    /// # Errors
    /// - [`Condition::Ambiguous`] when the connection ended before the answer: it may be committed or not.
    /// - [`Condition::Conflict`] when other transactions won: it is not committed, run the whole again.
    /// - [`Condition::TransactionAborted`], or the failure that aborted it: it is not committed.
    ///
    /// # Cancel safety
    /// Not cancel-safe: dropped half-way, it may be committed or not.
    pub async fn commit(mut self) -> Result<(), DatabaseError> {
        let result = self.session.commit(self.id).await;
        self.ended("committed", &result);
        // A commit that was refused before it was sent leaves the transaction to be rolled back by the drop.
        self.owns = result.is_err();
        result
    }

    /// Undoes what was done. Dropping the transaction does the same without waiting.
    ///
    /// # Errors
    /// [`Condition::Interrupted`] when the connection is gone; what was done is undone then, too.
    ///
    /// # Cancel safety
    /// Cancel-safe: it is rolled back either way.
    pub async fn rollback(mut self) -> Result<(), DatabaseError> {
        let result = self.session.rollback(self.id).await;
        self.ended("rolled back", &result);
        self.owns = result.is_err();
        result
    }

    /// Opens a transaction inside of this one (a savepoint): rolled back, it leaves what this one did before.
    ///
    /// # Errors
    /// What the server says to SAVEPOINT, and [`Condition::TransactionAborted`] when this one cannot go on.
    ///
    /// # Cancel safety
    /// Dropped half-way, the whole transaction can only be rolled back.
    pub async fn nested(&self) -> Result<Self, DatabaseError> {
        let id = self.session.begin(Some(self.id), TxOptions::default()).await?;
        Ok(Self { session: Arc::clone(&self.session), id, owns: true, ctx: self.ctx.clone(), span: None })
    }

    /// Has the connection closed after the transaction instead of lent to the next caller. For a transaction that calls a
    /// function which leaves something in the session, such as `pg_advisory_lock` inside of a function of your own. What the
    /// text of a statement shows is detected; see [`Pool`](crate::Pool).
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn discard(&self) {
        self.session.set_disposition(Disposition::Close).await;
    }

    /// Changes the limit on a statement for the rest of the transaction. Zero means none.
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
        self.session.set_statement_timeout(Some(self.id), limit).await
    }

    /// Runs one or several statements without binds, separated by semicolons, in one round trip.
    ///
    /// # Errors
    /// [`DatabaseError`], classified.
    ///
    /// # Cancel safety
    /// See the type.
    pub async fn batch(&self, sql: &str) -> Result<ExecResult, DatabaseError> {
        self.session.batch(Some(self.id), self.context(), sql).await
    }

    pub(crate) async fn open_transaction(&self, _options: TxOptions) -> Result<Self, DatabaseError> {
        self.nested().await
    }

    pub(crate) async fn run<Q: Query>(&self, statement: Statement) -> Result<Q::Reply, DatabaseError> {
        self.session.run::<Q>(Some(self.id), self.context(), statement).await
    }

    pub(crate) fn inner(&self) -> &Arc<SessionInner> {
        &self.session
    }

    #[cfg(any(feature = "stream", feature = "sqlx-queries"))]
    pub(crate) fn id(&self) -> TxId {
        self.id
    }

    /// A second handle for the closure; this one ends the transaction.
    pub(crate) fn lend(&self) -> Self {
        let ctx = self.ctx.clone();
        Self { session: Arc::clone(&self.session), id: self.id, owns: false, ctx, span: None }
    }

    /// Where its statements stand, if that is known.
    pub(crate) const fn context(&self) -> Option<&Context> {
        self.ctx.as_ref()
    }

    /// The context of its span, if that is recorded.
    pub(crate) fn span_context(&self) -> Option<&Context> {
        self.span.as_ref().filter(|span| span.is_recording()).map(Span::ctx)
    }

    /// Notes in the span how often the transaction ran before.
    pub(crate) fn is_attempt(&mut self, number: u32) {
        if let Some(span) = &mut self.span {
            span.set("db.transaction.attempt", number);
        }
    }

    /// Notes in the span how the transaction ended.
    fn ended(&mut self, outcome: &'static str, result: &Result<(), DatabaseError>) {
        if let Some(span) = &mut self.span {
            match result {
                Ok(()) => span.set("db.transaction.outcome", outcome),
                Err(error) => spans::failed(span, error),
            }
        }
    }

    pub(crate) async fn failure(&self) -> Option<Condition> {
        self.session.failure().await
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("backend", &self.backend()).finish_non_exhaustive()
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.owns {
            self.session.abandon(self.id);
        }
    }
}
