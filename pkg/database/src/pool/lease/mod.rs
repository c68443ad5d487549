mod ask;

use std::time::{Duration, Instant};

#[cfg(feature = "stream")]
use super::answer::AnswerTimer;
use super::{janitor::Chore, seat::Seat, settle::settle, slot::Slot};
use crate::{
    driver::Connection,
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
