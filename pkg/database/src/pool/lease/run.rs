//! What a lease sends: statements alone, with all that has to be around them.

use std::time::Instant;

use sea_orm::ExecResult;

use super::{Access, ConnectionState, Lease, Next};
use crate::{
    driver::{Call, Query},
    pool::writers::writes,
};

impl Lease {
    /// Sends a statement, a second time where its plan had gone stale and nothing has happened yet.
    pub(crate) async fn run<Q: Query>(&mut self, call: &Call, started_at: Instant) -> sqlx::Result<Q::Reply> {
        call.check()?;
        if self.needs_wrapping() {
            Box::pin(self.wrap()).await?;
        }
        if self.needs_writer(&call.sql) {
            self.acquire_writer().await;
        }
        let mut result = self.send::<Q>(call, started_at).await;
        if self.complete(result.as_ref().err()) == Next::RunAgain {
            result = Box::pin(self.run_again::<Q>(call)).await;
        }
        self.release_writer();
        if self.is_wrapped() { Box::pin(self.unwrap_statement(result)).await } else { result }
    }

    async fn run_again<Q: Query>(&mut self, call: &Call) -> sqlx::Result<Q::Reply> {
        self.forget_plans().await?;
        let result = self.send::<Q>(call, Instant::now()).await;
        self.complete(result.as_ref().err());
        result
    }

    async fn send<Q: Query>(&mut self, call: &Call, started_at: Instant) -> sqlx::Result<Q::Reply> {
        let limit = self.limit;
        let entry = self.borrow()?;
        entry.reply_timeout.within(limit, started_at, Q::run(&mut entry.connection, call)).await
    }

    fn needs_wrapping(&self) -> bool {
        self.state == ConnectionState::Ready && self.pool.wraps_statements()
    }

    fn is_wrapped(&self) -> bool {
        self.state.transaction() == Some(Access::SingleStatement)
    }

    /// Opens a transaction around a statement sent alone; see [`PoolState::wraps_statements`](crate::pool::PoolState).
    async fn wrap(&mut self) -> sqlx::Result<()> {
        self.transact("BEGIN", Some(Access::SingleStatement)).await
    }

    /// What comes before a stream, which cannot send its statement again.
    #[cfg(feature = "stream")]
    pub(crate) async fn begin_stream(&mut self, call: &Call) -> sqlx::Result<()> {
        call.check()?;
        if self.state == ConnectionState::Ready
            && self.held.as_ref().is_some_and(|(entry, _)| entry.stale_plans)
        {
            self.forget_plans().await?;
        }
        if self.needs_wrapping() {
            self.wrap().await?;
        }
        Ok(())
    }

    /// Ends the transaction around a statement sent alone, where there is one.
    pub(crate) async fn unwrap_statement<T>(&mut self, result: sqlx::Result<T>) -> sqlx::Result<T> {
        if !self.is_wrapped() {
            return result;
        }
        let sql = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = self.transact(sql, None).await;
        // After a rollback that fails the connection is reset at its release; the error of the statement matters more.
        result.and_then(|value| ended.map(|()| value))
    }

    pub(crate) async fn batch(&mut self, sql: &str) -> sqlx::Result<ExecResult> {
        if self.needs_writer(sql) {
            self.acquire_writer().await;
        }
        let result = self.send_batch(sql).await;
        self.complete(result.as_ref().err());
        self.release_writer();
        result
    }

    /// A statement sent alone that writes to a SQLite file.
    fn needs_writer(&self, sql: &str) -> bool {
        self.pool.writers.is_limited() && self.state.transaction().is_none() && writes(sql)
    }

    /// Waits for the permit among the writers of a SQLite file. It is held until the transaction ends.
    pub(crate) async fn acquire_writer(&mut self) {
        if let Some((entry, _)) = &mut self.held
            && entry.writer.is_none()
        {
            entry.writer = Box::pin(self.pool.writers.acquire()).await;
        }
    }

    pub(super) fn release_writer(&mut self) {
        if self.state.transaction().is_none()
            && let Some((entry, _)) = &mut self.held
        {
            entry.writer = None;
        }
    }

    pub(super) async fn send_batch(&mut self, sql: &str) -> sqlx::Result<ExecResult> {
        let limit = self.limit;
        let entry = self.borrow()?;
        entry.reply_timeout.within(limit, Instant::now(), entry.connection.batch(sql)).await
    }

    async fn forget_plans(&mut self) -> sqlx::Result<()> {
        let limit = self.limit;
        let entry = self.borrow()?;
        let result = entry.reply_timeout.within(limit, Instant::now(), entry.connection.forget_plans()).await;
        if result.is_ok() {
            entry.stale_plans = false;
        }
        self.complete(result.as_ref().err());
        result
    }
}
