use std::sync::Arc;

use sea_orm::{ExecResult, QueryResult, Statement};
use underpin_logger::Context;

use super::{Core, Lease, Pool, leaves_session_state};
use crate::{
    DatabaseError, Session, Transaction, TxOptions,
    driver::Call,
    error::Stage,
    line::Line,
    settings::{Route, TraceComment},
    slow::Watch,
    transaction,
};

/// Statements and transactions.
impl Pool {
    /// Runs a statement and says what it changed.
    ///
    /// # Errors
    /// [`DatabaseError`], classified; see [`Condition`](crate::Condition).
    ///
    /// # Cancel safety
    /// The statement may run to its end at the server; the pool waits for that before it lends the connection again.
    pub async fn execute(&self, statement: Statement) -> Result<ExecResult, DatabaseError> {
        let (call, (mut lease, waited)) = (self.call(statement), self.core().acquire().await?);
        let watch = Watch::start(waited);
        let result = lease.execute(&call).await;
        self.mark_session_state(&mut lease, &call.sql);
        drop(lease);
        let rows = result.as_ref().ok().map(ExecResult::rows_affected);
        watch.statement(self.core(), self.ctx.as_ref(), &call, rows);
        result.map_err(statement_failed)
    }

    /// Runs a query and returns its first row.
    ///
    /// # Errors
    /// [`DatabaseError`], classified. No row is `None`, not an error.
    ///
    /// # Cancel safety
    /// As for [`execute`](Self::execute).
    pub async fn query_one(&self, statement: Statement) -> Result<Option<QueryResult>, DatabaseError> {
        let (call, (mut lease, waited)) = (self.call(statement), self.core().acquire().await?);
        let watch = Watch::start(waited);
        let result = lease.query_one(&call).await;
        drop(lease);
        let rows = result.as_ref().ok().map(|row| u64::from(row.is_some()));
        watch.statement(self.core(), self.ctx.as_ref(), &call, rows);
        result.map_err(statement_failed)
    }

    /// Runs a query and returns all its rows.
    ///
    /// # Errors
    /// [`DatabaseError`], classified.
    ///
    /// # Cancel safety
    /// As for [`execute`](Self::execute).
    pub async fn query_all(&self, statement: Statement) -> Result<Vec<QueryResult>, DatabaseError> {
        let (call, (mut lease, waited)) = (self.call(statement), self.core().acquire().await?);
        let watch = Watch::start(waited);
        let result = lease.query_all(&call).await;
        drop(lease);
        let rows = result.as_ref().ok().map(|rows| rows.len() as u64);
        watch.statement(self.core(), self.ctx.as_ref(), &call, rows);
        result.map_err(statement_failed)
    }

    /// Runs one or several statements without binds, separated by semicolons, in one round trip.
    ///
    /// # Errors
    /// [`DatabaseError`], classified. PostgreSQL runs the whole as one transaction, SQLite statement by statement.
    ///
    /// # Cancel safety
    /// As for [`execute`](Self::execute).
    pub async fn batch(&self, sql: &str) -> Result<ExecResult, DatabaseError> {
        let (mut lease, waited) = self.core().acquire().await?;
        let watch = Watch::start(waited);
        let result = lease.batch(sql).await;
        self.mark_session_state(&mut lease, sql);
        drop(lease);
        let rows = result.as_ref().ok().map(ExecResult::rows_affected);
        watch.text(self.core(), self.ctx.as_ref(), sql, rows);
        result.map_err(statement_failed)
    }

    /// Takes one connection for a unit of work; see [`Database::session`](crate::Database::session).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn session(&self) -> Result<Session, DatabaseError> {
        let (lease, _waited) = self.core().acquire().await?;
        Ok(Session::new(Line::new(Arc::clone(self.core()), lease, self.ctx.clone())))
    }

    /// Opens a transaction; see [`Database::begin`](crate::Database::begin).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn begin(&self, options: TxOptions) -> Result<Transaction, DatabaseError> {
        let (lease, _waited) = self.core().acquire().await?;
        Transaction::begin(Line::new(Arc::clone(self.core()), lease, self.ctx.clone()), None, options).await
    }

    /// Runs `work` in a transaction and commits it, again from the start where that is known to do no harm; see
    /// [`DatabaseExt::transaction`](crate::DatabaseExt::transaction).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn transaction<T, E, F, Fut>(&self, options: TxOptions, work: F) -> Result<T, E>
    where
        E: From<DatabaseError> + Send,
        T: Send,
        F: FnMut(Transaction) -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        transaction::run(self, options, work).await
    }

    pub(crate) async fn open(&self, options: TxOptions) -> Result<Transaction, DatabaseError> {
        self.begin(options).await
    }

    fn mark_session_state(&self, lease: &mut Lease, sql: &str) {
        if leaves_session_state(sql) && !self.core().opener.target().is_memory() {
            lease.mark(true);
        }
    }

    pub(crate) fn call(&self, statement: Statement) -> Call {
        make_call(self.core(), self.ctx.as_ref(), statement)
    }
}

/// A statement as the settings want it sent.
pub(crate) fn make_call(core: &Core, ctx: Option<&Context>, statement: Statement) -> Call {
    let call = Call::new(statement, core.settings.route == Route::Direct);
    if core.settings.trace_comment == TraceComment::Off {
        return call;
    }
    let current = ctx.cloned().unwrap_or_else(Context::current);
    match current.traceparent() {
        Some(traceparent) => call.with_comment(&format!("traceparent='{traceparent}'")),
        None => call,
    }
}

fn statement_failed(error: sqlx::Error) -> DatabaseError {
    DatabaseError::sqlx(error, Stage::Statement)
}
