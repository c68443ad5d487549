//! How a caller comes to a connection.

use std::{sync::Arc, time::Instant};

use tokio::sync::TryAcquireError;

use super::{core::Core, lease::Lease, open::Opened, seat::Seat, slot::Slot};
use crate::{Condition, DatabaseError, slow::Watch};

impl Core {
    // What is rare is boxed, here and in `Lease`: the future of every query would carry its size otherwise.

    /// Waits for a seat and a connection that lives, and begins to watch what is done with it.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Result<(Lease, Watch), DatabaseError> {
        // The clock is read once where nothing is waited for: it is part of the cost of every query.
        let asked = Instant::now();
        let (seat, seated) = match self.seats.try_acquire() {
            Ok(permit) => (Seat::new(self, permit), asked),
            Err(TryAcquireError::Closed) => return Err(DatabaseError::new(Condition::Closed)),
            Err(TryAcquireError::NoPermits) => (self.wait_for_seat().await?, Instant::now()),
        };
        let (slot, lent) = match self.fit_idle(seated, asked).await {
            Some(fit) => fit,
            None => Box::pin(self.one_more(asked)).await?,
        };
        let waited = lent.saturating_duration_since(asked);
        self.counters.waited(waited);
        Ok((Lease::new(slot, seat), Watch::new(lent, waited)))
    }

    async fn wait_for_seat(self: &Arc<Self>) -> Result<Seat, DatabaseError> {
        let _waiting = self.counters.waiting();
        match tokio::time::timeout(self.settings.acquire_timeout, self.seats.acquire()).await {
            Ok(Ok(permit)) => Ok(Seat::new(self, permit)),
            Ok(Err(_closed)) => Err(DatabaseError::new(Condition::Closed)),
            Err(_elapsed) => {
                self.counters.timed_out();
                Err(match self.opener.last_failure() {
                    // Everyone who has a seat waits for a server that is not there: that is the cause, not the queue.
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
    async fn fit_idle(&self, mut now: Instant, asked: Instant) -> Option<(Slot, Instant)> {
        loop {
            let slot = self.idle().slots.pop_back()?;
            if let Some(fit) = self.fit(slot, now, asked).await {
                return Some(fit);
            }
            now = Instant::now();
        }
    }

    /// The connection, if it is young enough and alive.
    async fn fit(&self, mut slot: Slot, now: Instant, asked: Instant) -> Option<(Slot, Instant)> {
        if slot.is_old(now) {
            self.retire(slot);
            return None;
        }
        if !self.is_doubtful(&slot, now) {
            return Some((slot, now));
        }
        if Box::pin(self.is_alive(&mut slot, asked)).await {
            return Some((slot, Instant::now()));
        }
        self.counters.found_dead();
        None
    }

    /// The next connection that is unused, in the order of asking.
    async fn comes_back(self: &Arc<Self>) -> Slot {
        let taken = self.idle().take_or_want(self);
        match taken {
            Ok(slot) => slot,
            Err(wish) => wish.await,
        }
    }

    /// Waits for half of the time that the caller has left at most, so that there is some to open another one. Where nothing
    /// is heard, the server is not asked again on others that were unused for as long: each would take its own time.
    async fn is_alive(&self, slot: &mut Slot, asked: Instant) -> bool {
        let left = self.settings.acquire_timeout.saturating_sub(asked.elapsed());
        let limit = self.settings.connect_timeout.min(left / 2);
        let began = Instant::now();
        match tokio::time::timeout(limit, slot.connection.ping()).await {
            Ok(answer) => answer.is_ok(),
            Err(_silent) => {
                self.retire_doubtful(began);
                false
            }
        }
    }

    /// Opens a connection, unless one comes back before it is this caller's turn to open one.
    async fn one_more(self: &Arc<Self>, asked: Instant) -> Result<(Slot, Instant), DatabaseError> {
        loop {
            let left = self.settings.acquire_timeout.saturating_sub(asked.elapsed());
            let attempt = self.settings.connect_timeout;
            let slot = match self.opener.open_within(left, attempt, || self.comes_back()).await? {
                Opened::Instead(slot) => slot,
                Opened::New(connection) => {
                    self.counters.opened();
                    let slot = self.adopt(connection);
                    // Counted first: `close` has either seen this connection or has shut before.
                    if self.is_closed() {
                        return Err(DatabaseError::new(Condition::Closed));
                    }
                    let opened = slot.used;
                    return Ok((slot, opened));
                }
            };
            if let Some(fit) = self.fit(slot, Instant::now(), asked).await {
                return Ok(fit);
            }
        }
    }
}
