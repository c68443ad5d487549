//! What a lease sends: statements alone, with all that has to be around them.

use std::time::Instant;

use sea_orm::ExecResult;

use super::{Lease, Next, Open};
use crate::{
    driver::{Ask, Call},
    pool::writers::writes,
};

impl Lease {
    /// Sends a statement, a second time where its plan had gone stale and nothing has happened yet.
    pub(crate) async fn ask<A: Ask>(&mut self, call: &Call, asked: Instant) -> sqlx::Result<A::Answer> {
        call.check()?;
        if self.needs_pin() {
            Box::pin(self.pin()).await?;
        }
        if self.queues_up(&call.sql) {
            self.take_turn().await;
        }
        let mut result = self.send::<A>(call, asked).await;
        if self.leave(result.as_ref().err()) == Next::Again {
            result = Box::pin(self.send_again::<A>(call)).await;
        }
        self.step_back();
        if self.pinned { Box::pin(self.unpin(result)).await } else { result }
    }

    async fn send_again<A: Ask>(&mut self, call: &Call) -> sqlx::Result<A::Answer> {
        self.forget_plans().await?;
        let result = self.send::<A>(call, Instant::now()).await;
        self.leave(result.as_ref().err());
        result
    }

    async fn send<A: Ask>(&mut self, call: &Call, asked: Instant) -> sqlx::Result<A::Answer> {
        let limit = self.limit;
        let slot = self.borrow()?;
        slot.answer_timer.within(limit, asked, A::send(&mut slot.connection, call)).await
    }

    /// Behind a transaction pooler, opens a transaction around a statement sent alone.
    ///
    /// The driver sends a statement in two parts, and outside of a transaction the pooler may lend another server session
    /// in between. There the second part meets no statement, or the unnamed statement of another client.
    async fn pin(&mut self) -> sqlx::Result<()> {
        if self.needs_pin() {
            self.transact("BEGIN", Open::ReadWrite).await?;
            self.pinned = true;
        }
        Ok(())
    }

    /// What comes before a stream, which cannot send its statement again.
    #[cfg(feature = "stream")]
    pub(crate) async fn begin_stream(&mut self, call: &Call) -> sqlx::Result<()> {
        call.check()?;
        if !self.in_transaction && self.slot.as_ref().is_some_and(|slot| slot.stale_plans) {
            self.forget_plans().await?;
        }
        self.pin().await
    }

    fn needs_pin(&self) -> bool {
        !self.in_transaction && self.seat.as_ref().is_some_and(|seat| seat.core().pins_statements())
    }

    /// Ends what [`pin`](Self::pin) has opened.
    pub(crate) async fn unpin<T>(&mut self, result: sqlx::Result<T>) -> sqlx::Result<T> {
        if !std::mem::take(&mut self.pinned) {
            return result;
        }
        let sql = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = self.transact(sql, Open::Nothing).await;
        // A rollback that fails leaves the connection to the janitor; what the statement said matters more.
        result.and_then(|value| ended.map(|()| value))
    }

    pub(crate) async fn batch(&mut self, sql: &str) -> sqlx::Result<ExecResult> {
        if self.queues_up(sql) {
            self.take_turn().await;
        }
        let result = self.send_batch(sql).await;
        self.leave(result.as_ref().err());
        self.step_back();
        result
    }

    /// A statement sent alone that writes to a SQLite file.
    fn queues_up(&self, sql: &str) -> bool {
        let turns = self.seat.as_ref().is_some_and(|seat| seat.core().writers.take_turns());
        turns && !self.in_transaction && writes(sql)
    }

    /// Waits for the turn among the writers of a SQLite file. It lasts until the transaction ends.
    pub(crate) async fn take_turn(&mut self) {
        if let (Some(slot), Some(seat)) = (&mut self.slot, &self.seat)
            && slot.turn.is_none()
        {
            slot.turn = Box::pin(seat.core().writers.turn()).await;
        }
    }

    pub(super) fn step_back(&mut self) {
        if !self.in_transaction
            && let Some(slot) = &mut self.slot
        {
            slot.turn = None;
        }
    }

    pub(super) async fn send_batch(&mut self, sql: &str) -> sqlx::Result<ExecResult> {
        let limit = self.limit;
        let slot = self.borrow()?;
        slot.answer_timer.within(limit, Instant::now(), slot.connection.batch(sql)).await
    }

    async fn forget_plans(&mut self) -> sqlx::Result<()> {
        let limit = self.limit;
        let slot = self.borrow()?;
        let result = slot.answer_timer.within(limit, Instant::now(), slot.connection.forget_plans()).await;
        if result.is_ok() {
            slot.stale_plans = false;
        }
        self.leave(result.as_ref().err());
        result
    }
}
