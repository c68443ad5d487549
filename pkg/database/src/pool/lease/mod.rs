mod run;
mod state;

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) use state::{Access, ConnectionState, Disposition};

#[cfg(any(feature = "stream", feature = "sqlx-queries"))]
use super::reply_timeout::ReplyTimeout;
use super::{
    entry::PooledConnection, permit::PoolPermit, reply_timeout, reset::reset, retire::MaintenanceAction,
    state::PoolState,
};
use crate::{
    driver::Connection,
    error::{is_refused_write, is_stale_plan, leaves_the_connection_unusable},
};

/// A lent connection. However the lease ends (in the middle of a statement included), the connection comes back fit for the
/// next caller or is closed, and its permit is released.
pub(crate) struct Lease {
    /// `Some` until dropped.
    held: Option<(PooledConnection, PoolPermit)>,
    pool: Arc<PoolState>,
    state: ConnectionState,
    /// What happens at the end at least, whatever the state is then.
    at_least: Disposition,
    /// How long a reply is waited for.
    limit: Option<Duration>,
    /// The same outside of transactions, whose own limit ends with them.
    session_limit: Option<Duration>,
    /// When the last statement ended, where the clock was read for something else already.
    ended_at: Option<Instant>,
}

impl Lease {
    pub(super) fn new(pool: Arc<PoolState>, entry: PooledConnection, permit: PoolPermit) -> Self {
        let limit = pool.reply_limit();
        Self {
            held: Some((entry, permit)),
            pool,
            state: ConnectionState::Ready,
            at_least: Disposition::Reuse,
            limit,
            session_limit: limit,
            ended_at: None,
        }
    }

    pub(crate) fn state(&self) -> ConnectionState {
        self.state
    }

    /// Sends what opens or ends a transaction, and notes which one is then open.
    pub(crate) async fn transact(&mut self, sql: &str, after: Option<Access>) -> sqlx::Result<()> {
        // Until the reply is here, one may be open.
        let during = self.state.transaction().unwrap_or(Access::ReadWrite);
        if self.state == ConnectionState::Ready {
            self.state = ConnectionState::InTransaction { access: during };
        }
        let result = self.send_batch(sql).await;
        self.complete(result.as_ref().err());
        if result.is_ok() {
            self.state = ConnectionState::of(after);
            if after.is_none() {
                self.limit = self.session_limit;
            }
        }
        self.release_writer();
        result.map(drop)
    }

    /// Brings the connection back to its initial state after a statement was dropped half-way.
    pub(crate) async fn reset(&mut self) -> sqlx::Result<()> {
        let (roll_back, limit) = (self.state.transaction().is_some(), self.limit);
        self.borrow()?;
        let Some((entry, _)) = &mut self.held else { return Err(sqlx::Error::WorkerCrashed) };
        // Moved out, because the limit is around everything that is done with the entry.
        let mut reply_timeout = std::mem::take(&mut entry.reply_timeout);
        let resetting = Box::pin(reset(&self.pool.control, &self.pool.counters, entry, roll_back));
        let result = reply_timeout.within(limit, Instant::now(), resetting).await;
        entry.reply_timeout = reply_timeout;
        self.complete(result.as_ref().err());
        if result.is_ok() {
            self.state = ConnectionState::Ready;
            self.limit = self.session_limit;
        }
        self.release_writer();
        result
    }

    /// Lends the connection to a stream; the caller reports its end with [`complete`](Self::complete).
    pub(crate) fn connection(&mut self) -> sqlx::Result<&mut Connection> {
        Ok(&mut self.borrow()?.connection)
    }

    /// From here on it is unknown what the connection carries: in the end it is closed, or at least rolled back.
    pub(crate) fn lend_out(&mut self, at_least: Disposition) {
        self.state = ConnectionState::InFlight { transaction: Some(Access::ReadWrite) };
        self.at_least = at_least;
    }

    fn borrow(&mut self) -> sqlx::Result<&mut PooledConnection> {
        match &mut self.held {
            Some((entry, _)) if self.state != ConnectionState::Broken => {
                self.state = ConnectionState::InFlight { transaction: self.state.transaction() };
                Ok(entry)
            }
            _ => Err(sqlx::Error::Io(io::ErrorKind::NotConnected.into())),
        }
    }

    /// The statement in flight has ended.
    pub(crate) fn complete(&mut self, error: Option<&sqlx::Error>) -> Next {
        if self.state == ConnectionState::Broken {
            return Next::Done;
        }
        let transaction = self.state.transaction();
        self.state = ConnectionState::of(transaction);
        let Some(error) = error else { return Next::Done };
        let is_demoted = is_refused_write(error) && transaction != Some(Access::ReadOnly);
        if is_demoted || leaves_the_connection_unusable(error) {
            self.state = ConnectionState::Broken;
            self.pool.counters.lost();
            self.pool.note_loss();
        } else if is_stale_plan(error) {
            if let Some((entry, _)) = &mut self.held {
                entry.stale_plans = true;
            }
            // Inside a transaction the server has aborted it; the whole of it runs again, on fresh plans.
            if transaction.is_none() {
                return Next::RunAgain;
            }
        }
        Next::Done
    }

    /// Gives the connection back, at a time that the caller has just read from the clock.
    pub(crate) fn end(mut self, at: Instant) {
        self.ended_at = Some(at);
    }

    /// The timeout and the limit for a stream, which has the connection while it lasts.
    #[cfg(any(feature = "stream", feature = "sqlx-queries"))]
    pub(crate) fn take_reply_timeout(&mut self) -> (ReplyTimeout, Option<Duration>) {
        let timeout = self.held.as_mut().map(|(entry, _)| std::mem::take(&mut entry.reply_timeout));
        (timeout.unwrap_or_default(), self.limit)
    }

    /// The server's own limit on a statement was changed.
    pub(crate) fn set_statement_timeout(&mut self, timeout: Duration, scope: Scope) {
        self.limit = reply_timeout::limit(timeout);
        if scope == Scope::Session {
            // A transaction that is rolled back takes it back: then the longer of the two holds.
            let before = if self.state.transaction().is_some() { self.session_limit } else { self.limit };
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

    /// The connection works on for its holder. In the end at least this happens to it.
    pub(crate) fn set_disposition(&mut self, at_least: Disposition) {
        self.at_least = at_least;
    }
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
    RunAgain,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some((entry, permit)) = self.held.take() else { return };
        let at_least = if entry.stale_plans { self.at_least.max(Disposition::Reset) } else { self.at_least };
        let roll_back = self.state.transaction().is_some();
        let cancel = matches!(self.state, ConnectionState::InFlight { .. });
        match self.state.disposition(at_least) {
            Disposition::Reuse => {
                self.pool.put_idle(entry, self.ended_at.unwrap_or_else(Instant::now));
                drop(permit);
            }
            Disposition::Reset => {
                self.pool.retired.send(entry, Some(permit), MaintenanceAction::Reset { roll_back });
            }
            Disposition::Close => {
                self.pool.retired.send(entry, Some(permit), MaintenanceAction::Close { cancel });
            }
        }
    }
}
