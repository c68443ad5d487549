//! How a caller gets a connection.

use std::{sync::Arc, time::Instant};

use tokio::sync::TryAcquireError;

use super::{entry::PooledConnection, lease::Lease, open::Opened, permit::PoolPermit, state::PoolState};
use crate::{Condition, DatabaseError, slow_query::QueryTimer};

impl PoolState {
    // What is rare is boxed, here and in `Lease`: the future of every query would carry its size otherwise.

    /// Waits for a permit and a connection that is alive, and starts the timer of what is done with it.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Result<(Lease, QueryTimer), DatabaseError> {
        // The clock is read once where nothing is waited for: it is part of the cost of every query.
        let started_at = Instant::now();
        let (permit, admitted_at) = match self.permits.try_acquire() {
            Ok(permit) => (permit, started_at),
            Err(TryAcquireError::Closed) => return Err(DatabaseError::new(Condition::Closed)),
            Err(TryAcquireError::NoPermits) => (self.wait_for_permit().await?, Instant::now()),
        };
        let (entry, lent_at) = match self.take_idle(admitted_at, started_at).await {
            Some(lent) => lent,
            None => Box::pin(self.open_one(started_at)).await?,
        };
        let waited = lent_at.saturating_duration_since(started_at);
        self.counters.waited(waited);
        Ok((Lease::new(Arc::clone(self), entry, permit), QueryTimer::new(lent_at, waited)))
    }

    async fn wait_for_permit(&self) -> Result<PoolPermit, DatabaseError> {
        let _waiting = self.counters.waiting();
        match tokio::time::timeout(self.settings.acquire_timeout, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_closed)) => Err(DatabaseError::new(Condition::Closed)),
            Err(_elapsed) => {
                self.counters.timed_out();
                Err(match self.opener.last_failure() {
                    // Every holder of a permit waits for a server that is not there: that is the cause, not the queue.
                    Some(cause) => DatabaseError::because(
                        Condition::Unreachable,
                        "no connection became free in time, and none can be opened",
                        cause,
                    ),
                    None => DatabaseError::said(Condition::Saturated, "no connection became free in time"),
                })
            }
        }
    }

    /// The most recently used idle connection that is young enough and alive, and when it was found to be.
    async fn take_idle(&self, mut now: Instant, started_at: Instant) -> Option<(PooledConnection, Instant)> {
        loop {
            let entry = self.idle.pop()?;
            if let Some(usable) = self.usable(entry, now, started_at).await {
                return Some(usable);
            }
            now = Instant::now();
        }
    }

    /// The connection, if it is young enough and alive.
    async fn usable(
        &self,
        mut entry: PooledConnection,
        now: Instant,
        started_at: Instant,
    ) -> Option<(PooledConnection, Instant)> {
        if entry.is_expired(now) {
            self.retire(entry);
            return None;
        }
        if !self.needs_check(&entry, now) {
            return Some((entry, now));
        }
        if Box::pin(self.is_alive(&mut entry, started_at)).await {
            return Some((entry, Instant::now()));
        }
        self.counters.found_dead();
        None
    }

    /// Waits for half of the time that the caller has left at most, so that there is some to open another connection. When
    /// the ping times out, others that were unused for as long are closed unasked: each would take its own timeout.
    async fn is_alive(&self, entry: &mut PooledConnection, started_at: Instant) -> bool {
        let left = self.settings.acquire_timeout.saturating_sub(started_at.elapsed());
        let limit = self.settings.connect_timeout.min(left / 2);
        let began_at = Instant::now();
        match tokio::time::timeout(limit, entry.connection.ping()).await {
            Ok(reply) => reply.is_ok(),
            Err(_silent) => {
                self.retire_unchecked(began_at);
                false
            }
        }
    }

    /// The next connection that comes back, in the order of asking.
    async fn next_idle(&self) -> PooledConnection {
        let taken = self.idle.pop_or_wait();
        match taken {
            Ok(entry) => entry,
            Err(waiter) => waiter.await,
        }
    }

    /// Opens a connection, unless one comes back before this caller may open one.
    async fn open_one(&self, started_at: Instant) -> Result<(PooledConnection, Instant), DatabaseError> {
        loop {
            let left = self.settings.acquire_timeout.saturating_sub(started_at.elapsed());
            let attempt = self.settings.connect_timeout;
            let entry = match self.opener.open_within(left, attempt, || self.next_idle()).await? {
                Opened::Other(entry) => entry,
                Opened::New(connection) => {
                    self.counters.opened();
                    let entry = self.adopt(connection);
                    // Counted first: `close` has either seen this connection or has shut before.
                    if self.is_closed() {
                        return Err(DatabaseError::new(Condition::Closed));
                    }
                    let opened_at = entry.used_at;
                    return Ok((entry, opened_at));
                }
            };
            if let Some(usable) = self.usable(entry, Instant::now(), started_at).await {
                return Ok(usable);
            }
        }
    }
}
