use std::time::{Duration, Instant};

use sea_orm::ExecResult;

#[cfg(feature = "stream")]
use super::answer::AnswerTimer;
use super::{janitor::Chore, seat::Seat, settle::settle, slot::Slot, writers::writes};
use crate::{
    driver::{Ask, Call, Connection},
    error::{is_refused_write, is_stale_plan, leaves_the_connection_unusable},
};

/// A connection lent out. However it ends (dropped in the middle of a statement included), the connection comes back fit
/// for the next caller or not at all, and the seat in the pool is free again.
pub(crate) struct Lease {
    /// `Some` until dropped.
    slot: Option<Slot>,
    seat: Option<Seat>,
    /// A statement is under way; still so when its future was dropped.
    busy: bool,
    /// A transaction is open. Known without asking: every statement goes through here.
    in_transaction: bool,
    /// And it was opened read-only.
    read_only: bool,
    /// The connection is broken.
    spoilt: bool,
    /// The connection works, but must not be used by anyone else.
    marked: bool,
    /// The open transaction is there for one statement only.
    pinned: bool,
    /// How long an answer is waited for.
    limit: Option<Duration>,
    /// The same outside of transactions, whose own limit ends with them.
    session_limit: Option<Duration>,
    /// When the last statement ended, where the clock was read for something else already.
    ended: Option<Instant>,
}

impl Lease {
    pub(super) fn new(slot: Slot, seat: Seat) -> Self {
        let limit = seat.core().answer_limit();
        Self {
            limit,
            session_limit: limit,
            slot: Some(slot),
            seat: Some(seat),
            busy: false,
            in_transaction: false,
            read_only: false,
            spoilt: false,
            marked: false,
            pinned: false,
            ended: None,
        }
    }

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

    fn step_back(&mut self) {
        if !self.in_transaction
            && let Some(slot) = &mut self.slot
        {
            slot.turn = None;
        }
    }

    async fn send_batch(&mut self, sql: &str) -> sqlx::Result<ExecResult> {
        let limit = self.limit;
        let slot = self.borrow()?;
        slot.answer_timer.within(limit, Instant::now(), slot.connection.batch(sql)).await
    }

    /// Runs what opens or ends a transaction, and notes what is then open.
    pub(crate) async fn transact(&mut self, sql: &str, open_after: Open) -> sqlx::Result<()> {
        // Until the answer is here, it may be open.
        self.in_transaction = true;
        let result = self.send_batch(sql).await;
        if result.is_ok() {
            self.in_transaction = open_after != Open::Nothing;
            if !self.in_transaction {
                self.limit = self.session_limit;
            }
            self.read_only = open_after == Open::ReadOnly;
        }
        self.leave(result.as_ref().err());
        self.step_back();
        result.map(drop)
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Brings the connection back to the start after a statement was dropped half-way.
    pub(crate) async fn settle(&mut self) -> sqlx::Result<()> {
        let (roll_back, limit) = (self.in_transaction, self.limit);
        self.busy = true;
        let (Some(slot), Some(seat)) = (&mut self.slot, &self.seat) else {
            return Err(sqlx::Error::WorkerCrashed);
        };
        // Moved out, because the limit is around all that is done with the slot.
        let mut timer = std::mem::take(&mut slot.answer_timer);
        let settling = Box::pin(settle(seat.core(), slot, roll_back));
        let result = timer.within(limit, Instant::now(), settling).await;
        slot.answer_timer = timer;
        if result.is_ok() {
            self.in_transaction = false;
            self.read_only = false;
            self.limit = self.session_limit;
        }
        self.leave(result.as_ref().err());
        self.step_back();
        result
    }

    /// Lends the connection to a stream; the caller says with [`leave`](Self::leave) that it ended.
    pub(crate) fn enter(&mut self) -> sqlx::Result<&mut Connection> {
        Ok(&mut self.borrow()?.connection)
    }

    /// From here on nobody knows what the connection carries: in the end it is closed, or at least rolled back.
    pub(crate) fn lend_out(&mut self, closes: bool) {
        self.busy = true;
        self.in_transaction = true;
        self.marked = closes;
    }

    fn borrow(&mut self) -> sqlx::Result<&mut Slot> {
        self.busy = true;
        self.slot.as_mut().ok_or(sqlx::Error::WorkerCrashed)
    }

    pub(crate) fn leave(&mut self, error: Option<&sqlx::Error>) -> Next {
        self.busy = false;
        let Some(error) = error else { return Next::Done };
        if leaves_the_connection_unusable(error) || (is_refused_write(error) && !self.read_only) {
            self.spoil();
            if let Some(seat) = &self.seat {
                seat.core().counters.lost();
                seat.core().note_loss();
            }
        } else if is_stale_plan(error) {
            if let Some(slot) = &mut self.slot {
                slot.stale_plans = true;
            }
            // Inside a transaction the server has aborted it; the whole of it runs again, on fresh plans.
            if !self.in_transaction {
                return Next::Again;
            }
        }
        Next::Done
    }

    /// Gives the connection back, at a time that the caller has just read from the clock.
    pub(crate) fn end(mut self, at: Instant) {
        self.ended = Some(at);
    }

    /// The timer and the limit for a stream, which has the connection while it lasts.
    #[cfg(feature = "stream")]
    pub(crate) fn take_timer(&mut self) -> (AnswerTimer, Option<Duration>) {
        let timer = self.slot.as_mut().map(|slot| std::mem::take(&mut slot.answer_timer));
        (timer.unwrap_or_default(), self.limit)
    }

    /// Nobody uses the connection any more.
    pub(crate) fn spoil(&mut self) {
        self.spoilt = true;
    }

    /// The server's own limit on a statement was changed.
    pub(crate) fn set_statement_timeout(&mut self, timeout: Duration, scope: Scope) {
        self.limit = answer_limit(timeout);
        if scope == Scope::Session {
            // A transaction that is rolled back takes it back: then the longer of the two holds.
            let before = if self.in_transaction { self.session_limit } else { self.limit };
            self.session_limit = before.zip(self.limit).map(|(before, now)| before.max(now));
        }
    }

    pub(crate) fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// A savepoint was rolled back, and with it what was changed inside.
    pub(crate) fn restore_limit(&mut self, limit: Option<Duration>) {
        self.limit = limit;
    }

    /// The connection goes on working for its holder and is closed then: it carries what belongs to a session.
    pub(crate) fn mark(&mut self, marked: bool) {
        self.marked = marked;
    }

    pub(crate) fn is_spoilt(&self) -> bool {
        self.spoilt
    }

    pub(crate) fn is_in_transaction(&self) -> bool {
        self.in_transaction
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy
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

/// The server ends a statement by itself; what is heard of neither it nor its end after this is lost. Without this limit
/// of our own, a caller would wait for ever for a peer that is no longer there and whose packets nobody answers.
pub(super) fn answer_limit(statement_timeout: Duration) -> Option<Duration> {
    (!statement_timeout.is_zero()).then(|| statement_timeout.saturating_add(GRACE))
}

/// For the answer to travel.
const GRACE: Duration = Duration::from_secs(2);

/// The transaction that is open on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    Nothing,
    ReadWrite,
    ReadOnly,
}

/// For how long a setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Session,
    Transaction,
}

/// What to do after a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Done,
    /// Its plan was stale and nothing happened yet: send it once more.
    Again,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (Some(slot), Some(seat)) = (self.slot.take(), self.seat.take()) else { return };
        if self.spoilt || (self.marked && !self.busy) {
            seat.hand_to_janitor(slot, Chore::Close);
        } else if self.marked {
            seat.hand_to_janitor(slot, Chore::CancelAndClose);
        } else if self.busy || self.in_transaction || slot.stale_plans {
            seat.hand_to_janitor(slot, Chore::Settle { roll_back: self.in_transaction });
        } else {
            seat.give_back(slot, self.ended);
        }
    }
}
