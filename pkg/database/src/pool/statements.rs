use std::sync::Arc;

use sea_orm::{ExecResult, Statement};
use underpin_logger::Context;

use super::{Core, Lease, Pool, leaves_session_state};
use crate::{
    Condition, DatabaseError, Session, Transaction, TxOptions,
    driver::{Ask, Call},
    error::{Stage, batch_failed},
    line::Line,
    settings::{Route, TraceComment},
};

/// Statements and transactions.
impl Pool {
    /// Runs one or several statements without binds, separated by semicolons, in one round trip.
    ///
    /// # Errors
    /// [`DatabaseError`], classified. PostgreSQL runs the whole as one transaction. SQLite runs it statement by statement: what came
    /// before the one that failed stays, and a busy file in the middle is [`Condition::Ambiguous`].
    ///
    /// # Cancel safety
    /// As for [`Executor::execute`](crate::Executor::execute).
    pub async fn batch(&self, sql: &str) -> Result<ExecResult, DatabaseError> {
        let (mut lease, watch) = self.core().acquire().await?;
        self.mark_session_state(&mut lease, sql);
        let result = lease.batch(sql).await;
        let took = watch.stop();
        lease.end(took.ended);
        let rows = result.as_ref().ok().map(ExecResult::rows_affected);
        took.text(self.core(), self.ctx.as_ref(), sql, rows);
        result.map_err(|error| batch_failed(statement_failed(error), self.backend(), sql))
    }

    /// Takes one connection for a unit of work; see [`Connections::session`](crate::Connections::session).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn session(&self) -> Result<Session, DatabaseError> {
        let (lease, _watch) = self.core().acquire().await?;
        Ok(Session::new(Line::new(Arc::clone(self.core()), lease, self.ctx.clone())))
    }

    pub(crate) async fn open_transaction(&self, options: TxOptions) -> Result<Transaction, DatabaseError> {
        match self.begin_once(options.clone()).await {
            // It was broken before anything was said on it. From now on the pool asks each connection first.
            Err(broken) if broken.condition() == Condition::Unreachable && broken.as_sqlx().is_some() => {
                self.begin_once(options).await
            }
            begun => begun,
        }
    }

    async fn begin_once(&self, options: TxOptions) -> Result<Transaction, DatabaseError> {
        let (lease, _watch) = self.core().acquire().await?;
        Transaction::begin(Line::new(Arc::clone(self.core()), lease, self.ctx.clone()), None, options).await
    }

    pub(crate) async fn run<A: Ask>(&self, statement: Statement) -> Result<A::Answer, DatabaseError> {
        let (call, (mut lease, watch)) = (self.call(statement), self.core().acquire().await?);
        self.mark_session_state(&mut lease, &call.sql);
        let result = lease.ask::<A>(&call, watch.started()).await;
        let took = watch.stop();
        lease.end(took.ended);
        took.statement(self.core(), self.ctx.as_ref(), &call, result.as_ref().ok().map(A::rows));
        result.map_err(statement_failed)
    }

    /// Before the statement is sent: whoever is dropped half-way must not leave anything to the next caller either.
    pub(crate) fn mark_session_state(&self, lease: &mut Lease, sql: &str) {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use underpin_logger::NoopLogger;

    use crate::{DatabaseSettings, connect, driver::FirstRow, sql};

    /// Ten thousand callers that wait hold ten thousand of them.
    #[tokio::test]
    async fn the_future_of_a_query_is_small() {
        let pool = connect(&DatabaseSettings::new("sqlite::memory:"), Arc::new(NoopLogger)).await.unwrap();
        let size = size_of_val(&pool.run::<FirstRow>(sql("SELECT 1", [])));
        assert!(size <= 1_536, "{size} bytes");
    }
}
