use std::{io, time::Duration};

use sea_orm::{ExecResult, QueryResult};

use super::{core::Seat, janitor::Chore, slot::Slot};
use crate::{
    driver::{Call, Connection},
    error::{is_refused_write, is_stale_plan, leaves_the_connection_unusable},
};

macro_rules! statement {
    ($lease:ident, $operation:ident, $call:ident) => {{
        $lease.pin().await?;
        let limit = $lease.limit;
        let mut result = answered(limit, $lease.enter()?.$operation($call)).await;
        if $lease.leave(result.as_ref().err()) == Next::Again {
            $lease.forget_plans().await?;
            result = answered(limit, $lease.enter()?.$operation($call)).await;
            $lease.leave(result.as_ref().err());
        }
        $lease.unpin(result).await
    }};
}

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
}

impl Lease {
    pub(super) fn new(slot: Slot, seat: Seat) -> Self {
        let limit = seat.core().answer_limit();
        Self {
            limit,
            slot: Some(slot),
            seat: Some(seat),
            busy: false,
            in_transaction: false,
            read_only: false,
            spoilt: false,
            marked: false,
            pinned: false,
        }
    }

    pub(crate) async fn execute(&mut self, call: &Call) -> sqlx::Result<ExecResult> {
        statement!(self, execute, call)
    }

    pub(crate) async fn query_one(&mut self, call: &Call) -> sqlx::Result<Option<QueryResult>> {
        statement!(self, query_one, call)
    }

    pub(crate) async fn query_all(&mut self, call: &Call) -> sqlx::Result<Vec<QueryResult>> {
        statement!(self, query_all, call)
    }

    /// Behind a transaction pooler, opens a transaction around a statement sent alone.
    ///
    /// The driver sends a statement in two parts, and outside of a transaction the pooler may lend another server session
    /// in between. There the second part meets no statement, or the unnamed statement of another client.
    pub(crate) async fn pin(&mut self) -> sqlx::Result<()> {
        let pins = self.seat.as_ref().is_some_and(|seat| seat.core().pins_statements());
        if pins && !self.in_transaction {
            self.transact("BEGIN", Open::ReadWrite).await?;
            self.pinned = true;
        }
        Ok(())
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
        let limit = self.limit;
        let result = answered(limit, self.enter()?.batch(sql)).await;
        self.leave(result.as_ref().err());
        result
    }

    /// Runs what opens or ends a transaction, and notes what is then open.
    pub(crate) async fn transact(&mut self, sql: &str, open_after: Open) -> sqlx::Result<()> {
        // Until the answer is here, it may be open.
        self.in_transaction = true;
        let limit = self.limit;
        let result = answered(limit, self.enter()?.batch(sql)).await;
        if result.is_ok() {
            self.in_transaction = open_after != Open::Nothing;
            if !self.in_transaction {
                self.limit = self.seat.as_ref().and_then(|seat| seat.core().answer_limit());
            }
            self.read_only = open_after == Open::ReadOnly;
        }
        self.leave(result.as_ref().err());
        result.map(drop)
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Brings the connection back to the start after a statement was dropped half-way.
    pub(crate) async fn settle(&mut self) -> sqlx::Result<()> {
        let roll_back = self.in_transaction;
        let result = self.enter()?.settle(roll_back).await;
        if result.is_ok() {
            self.in_transaction = false;
            self.read_only = false;
        }
        self.leave(result.as_ref().err());
        result
    }

    /// Lends the connection to a stream; the caller says with [`leave`](Self::leave) that it ended.
    pub(crate) fn enter(&mut self) -> sqlx::Result<&mut Connection> {
        self.busy = true;
        match &mut self.slot {
            Some(slot) => Ok(&mut slot.connection),
            None => Err(sqlx::Error::WorkerCrashed),
        }
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
            // Inside a transaction the server has aborted it; the whole of it runs again, on fresh plans.
            if !self.in_transaction {
                return Next::Again;
            }
            if let Some(slot) = &mut self.slot {
                slot.stale_plans = true;
            }
        }
        Next::Done
    }

    /// Nobody uses the connection any more.
    pub(crate) fn spoil(&mut self) {
        self.spoilt = true;
    }

    /// The server's own limit on a statement was changed.
    pub(crate) fn set_statement_timeout(&mut self, timeout: Duration) {
        self.limit = answer_limit(timeout);
    }

    /// The connection goes on working for its holder and is closed then: it carries what belongs to a session.
    pub(crate) fn mark(&mut self, marked: bool) {
        self.marked = marked;
    }

    pub(crate) fn is_spoilt(&self) -> bool {
        self.spoilt
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy
    }

    async fn forget_plans(&mut self) -> sqlx::Result<()> {
        let result = self.enter()?.forget_plans().await;
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

async fn answered<T>(
    limit: Option<Duration>,
    operation: impl Future<Output = sqlx::Result<T>> + Send,
) -> sqlx::Result<T> {
    let Some(limit) = limit else { return operation.await };
    match tokio::time::timeout(limit, operation).await {
        Ok(result) => result,
        Err(_elapsed) => {
            Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the server did not answer in time")))
        }
    }
}

/// The transaction that is open on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    Nothing,
    ReadWrite,
    ReadOnly,
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
        if self.spoilt || self.marked {
            seat.hand_to_janitor(slot, Chore::Close);
        } else if self.busy || self.in_transaction || slot.stale_plans {
            seat.hand_to_janitor(slot, Chore::Settle { roll_back: self.in_transaction });
        } else {
            seat.give_back(slot);
        }
    }
}
