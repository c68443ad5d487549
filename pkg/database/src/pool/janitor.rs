use std::{
    future::poll_fn,
    sync::{Arc, Weak},
    task::Poll,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Interval, MissedTickBehavior, interval},
};

use super::{core::Core, seat::Seat, settle::settle, slot::Slot};

/// How long a connection may take to become fit again, and how long a farewell may take. What takes longer is cut off.
const LIMIT: Duration = Duration::from_secs(2);

/// A connection that needs care outside of its caller.
pub(super) struct Job {
    slot: Slot,
    /// Still taken by this connection, where it was lent out.
    seat: Option<Seat>,
    chore: Chore,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chore {
    /// Wait for the statement whose caller went away or have it cancelled, roll back what may be open, and put it back.
    Settle { roll_back: bool },
    /// Say goodbye.
    Close,
    /// The same, but a statement whose caller went away is still under way.
    CancelAndClose,
}

impl Job {
    pub(super) fn new(slot: Slot, seat: Option<Seat>, chore: Chore) -> Self {
        Self { slot, seat, chore }
    }

    async fn run(mut self) {
        let done = match (self.chore, &self.seat) {
            (Chore::Settle { roll_back }, Some(seat)) => {
                // The data of a database in memory would go with its connection.
                let memory = seat.core().opener.target().is_memory();
                let limit = if memory { Duration::MAX } else { LIMIT };
                let fit = tokio::time::timeout(limit, make_fit(seat.core(), &mut self.slot, roll_back));
                matches!(fit.await, Ok(Ok(())))
            }
            (Chore::CancelAndClose, Some(seat)) => {
                if let Some(session) = self.slot.connection.identity() {
                    // Where the server cannot be asked in time, its own limit ends the statement.
                    drop(tokio::time::timeout(LIMIT, seat.core().side.cancel(seat.core(), session)).await);
                }
                false
            }
            _ => false,
        };
        if done && let Some(seat) = self.seat.take() {
            seat.core().counters.settled();
            seat.give_back(self.slot, None);
            return;
        }
        // A farewell that fails or takes too long ends as a closed socket all the same.
        drop(tokio::time::timeout(LIMIT, self.slot.connection.close()).await);
    }
}

async fn make_fit(core: &Core, slot: &mut Slot, roll_back: bool) -> sqlx::Result<()> {
    settle(core, slot, roll_back).await?;
    if slot.stale_plans {
        slot.connection.forget_plans().await?;
        slot.stale_plans = false;
    }
    Ok(())
}

/// The one task of the pool. It ends when the pool is gone or its channel is closed, and all its jobs are done.
pub(super) async fn run(core: Weak<Core>, mut jobs: UnboundedReceiver<Job>, every: Duration) {
    let mut under_way = FuturesUnordered::new();
    let mut tick: Interval = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    #[cfg(feature = "metrics")]
    let mut gauges = super::gauges::Gauges::default();
    let mut open = true;
    while open || !under_way.is_empty() {
        let event = poll_fn(|cx| {
            if let Poll::Ready(Some(())) = under_way.poll_next_unpin(cx) {
                return Poll::Ready(Event::Done);
            }
            if open && let Poll::Ready(job) = jobs.poll_recv(cx) {
                return Poll::Ready(job.map_or(Event::Closed, Event::Job));
            }
            tick.poll_tick(cx).map(|_| Event::Tick)
        });
        match event.await {
            Event::Job(job) => under_way.push(job.run()),
            Event::Done => {}
            Event::Closed => open = false,
            Event::Tick => match core.upgrade() {
                Some(core) => {
                    core.retire_surplus(Instant::now());
                    #[cfg(feature = "metrics")]
                    gauges.show(&core.stats());
                }
                None => open = false,
            },
        }
    }
}

enum Event {
    Job(Job),
    Done,
    Closed,
    Tick,
}

/// How often the janitor looks at the idle connections.
pub(super) fn rounds(core: &Arc<Core>) -> Duration {
    let shortest = [core.settings.idle_timeout, core.settings.max_lifetime]
        .into_iter()
        .filter(|limit| !limit.is_zero())
        .min()
        .unwrap_or(Duration::from_secs(1));
    (shortest / 4).clamp(Duration::from_millis(50), Duration::from_secs(1))
}
