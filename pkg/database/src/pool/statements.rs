use std::sync::Arc;

use sea_orm::{ExecResult, Statement};
use underpin_logger::Span;

use super::{
    handle::Pool,
    lease::Lease,
    prepare::{note_session_state, prepare},
};
use crate::{
    Condition, DatabaseError, Session, Transaction, TxOptions,
    driver::Query,
    error::{Stage, batch_failed},
    session::SessionInner,
    slow_query::QueryTimer,
    spans,
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
        let mut span = spans::statement(self.context(), self.backend(), sql);
        let (mut lease, timer) = self.acquire_in(&mut span).await?;
        note_session_state(self.state(), &mut lease, sql);
        let result = lease.batch(sql).await;
        let timing = timer.stop();
        lease.end(timing.ended_at);
        let rows = result.as_ref().ok().map(ExecResult::rows_affected);
        timing.log_batch(self.state(), span.ctx(), sql, rows);
        let result = result.map_err(|error| batch_failed(statement_failed(error), self.backend(), sql));
        spans::ended(&mut span, &result, rows);
        result
    }

    /// Takes one connection for a unit of work; see [`Connections::session`](crate::Connections::session).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn session(&self) -> Result<Session, DatabaseError> {
        let (lease, _timer) = self.acquire().await?;
        Ok(Session::new(SessionInner::new(Arc::clone(self.state()), lease, self.context().cloned())))
    }

    pub(crate) async fn open_transaction(&self, options: TxOptions) -> Result<Transaction, DatabaseError> {
        match self.begin_once(options.clone()).await {
            // It was broken before anything was sent. From now on the pool pings each connection first.
            Err(broken) if broken.condition() == Condition::Unreachable && broken.as_sqlx().is_some() => {
                self.begin_once(options).await
            }
            begun => begun,
        }
    }

    async fn begin_once(&self, options: TxOptions) -> Result<Transaction, DatabaseError> {
        let mut span = spans::transaction(self.context(), self.backend());
        let (lease, _timer) = self.acquire_in(&mut span).await?;
        let session = SessionInner::new(Arc::clone(self.state()), lease, self.context().cloned());
        Transaction::begin(session, span, options).await
    }

    pub(crate) async fn run<Q: Query>(&self, statement: Statement) -> Result<Q::Reply, DatabaseError> {
        let mut span = spans::statement(self.context(), self.backend(), &statement.sql);
        let call = prepare(self.state(), span.ctx(), statement);
        let (mut lease, timer) = self.acquire_in(&mut span).await?;
        note_session_state(self.state(), &mut lease, &call.sql);
        let result = lease.run::<Q>(&call, timer.started_at()).await;
        let timing = timer.stop();
        lease.end(timing.ended_at);
        let rows = result.as_ref().ok().map(Q::rows);
        timing.log_statement(self.state(), span.ctx(), &call, rows);
        let result = result.map_err(statement_failed);
        spans::ended(&mut span, &result, rows);
        result
    }

    /// Acquires a connection, and notes in the span how long that took or why it failed.
    async fn acquire_in(&self, span: &mut Span) -> Result<(Lease, QueryTimer), DatabaseError> {
        let acquired = self.acquire().await;
        match &acquired {
            Ok((_, timer)) => spans::acquired(span, timer.waited),
            Err(error) => spans::failed(span, error),
        }
        acquired
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
