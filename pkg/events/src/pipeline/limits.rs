use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use underpin_errors::Health;

use super::permits::{InFlightPermit, InFlightPermits};
use crate::{Order, SubscribeOptions};

/// How many units of memory the waiting messages of a subscription may take in this process.
const WAITING_UNITS: usize = 65_536;
/// The bytes of a unit. A message takes at least one unit.
const UNIT: usize = 1024;

/// Limits the messages of a subscription in this process: those in progress, and apart from them those that wait.
///
/// A message in progress holds an in-flight permit; without a free permit no further message is fetched. A message waits while
/// it is postponed, while it is retried in its order, and while it is queued behind one that is retried. It then trades its
/// in-flight permit for waiting units, so that waiting messages do not stop the delivery of others. Once the units are used up
/// it keeps its in-flight permit, and once all of these are held that way the subscription is down.
pub(crate) struct Limits {
    in_flight: Arc<Semaphore>,
    in_flight_limit: usize,
    by_key: bool,
    waiting: Arc<Semaphore>,
    /// Events that wait for their next attempt.
    attempts_waiting: Arc<AtomicUsize>,
    /// Waiting messages that kept their in-flight permit.
    refused: Arc<AtomicUsize>,
}

impl Limits {
    pub(super) fn new(options: &SubscribeOptions) -> Self {
        let in_flight_limit = Self::in_flight_limit(options);
        Self {
            in_flight: Arc::new(Semaphore::new(in_flight_limit)),
            in_flight_limit,
            by_key: options.order == Order::PerKey,
            waiting: Arc::new(Semaphore::new(WAITING_UNITS)),
            attempts_waiting: Arc::default(),
            refused: Arc::default(),
        }
    }

    /// How many messages this process holds in progress at most: enough that workers need not wait for the next fetch, few
    /// enough that other processes get their share. One with strict order.
    fn in_flight_limit(options: &SubscribeOptions) -> usize {
        if options.order == Order::Strict { 1 } else { options.workers().saturating_mul(8).clamp(16, 4096) }
    }

    /// Waits for free permits and takes up to `max` of them. Without keys it waits for a quarter of the limit, since small
    /// requests cost as much as large ones and the workers still have three quarters to do. With keys it takes a single
    /// permit: the other messages may wait behind one slow key.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn acquire(&self, max: usize) -> InFlightPermits {
        let least = if self.by_key { 1 } else { self.quarter().min(max.max(1)) };
        let least_permits = u32::try_from(least).unwrap_or(1);
        let Ok(mut permits) = Arc::clone(&self.in_flight).acquire_many_owned(least_permits).await else {
            // The semaphore is never closed.
            return InFlightPermits::none();
        };
        let more = self.in_flight.available_permits().min(max.saturating_sub(least));
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        if let Ok(rest) = Arc::clone(&self.in_flight).try_acquire_many_owned(more) {
            permits.merge(rest);
        }
        InFlightPermits::new(permits)
    }

    /// Takes free permits without waiting, when a quarter of the limit is free.
    #[cfg(feature = "jetstream")]
    pub(super) fn try_acquire(&self, max: usize) -> Option<InFlightPermits> {
        let free = self.in_flight.available_permits();
        if free < self.quarter() {
            return None;
        }
        let wanted = u32::try_from(free.min(max)).unwrap_or(u32::MAX);
        Arc::clone(&self.in_flight).try_acquire_many_owned(wanted).ok().map(InFlightPermits::new)
    }

    /// A quarter of the in-flight limit, at least one.
    pub(super) fn quarter(&self) -> usize {
        (self.in_flight_limit / 4).max(1)
    }

    /// Trades the in-flight permit of a message that begins to wait for waiting units. Where there are not enough, the message
    /// keeps its permit, and is counted as refused until the returned guard is dropped.
    pub(super) fn park(&self, permit: &mut InFlightPermit, size: usize) -> Option<Counted> {
        let units = u32::try_from(size.div_ceil(UNIT).clamp(1, WAITING_UNITS)).unwrap_or(u32::MAX);
        if let Ok(units) = Arc::clone(&self.waiting).try_acquire_many_owned(units) {
            *permit = Some(units);
            return None;
        }
        Some(Counted::new(&self.refused))
    }

    /// Notes that an event waits for its next attempt, until the guard is dropped.
    pub(super) fn attempt_waits(&self) -> Counted {
        Counted::new(&self.attempts_waiting)
    }

    /// Down when messages that wait hold all that this process takes, so that no other is delivered.
    pub(crate) fn health(&self) -> Health {
        let used = WAITING_UNITS.saturating_sub(self.waiting.available_permits());
        let (waiting, refused) =
            (self.attempts_waiting.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed));
        let exhausted = waiting > 0 && refused > 0 && self.in_flight.available_permits() == 0;
        let health = if exhausted {
            Health::down(
                "events that wait for their next attempt take all memory for them, and no other is delivered",
            )
        } else {
            Health::up()
        };
        health.detail("waiting_for_retry", waiting).detail("waiting_kib", used)
    }
}

/// Counts one until it is dropped.
pub(super) struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counter))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The health of a subscription that has so many unacknowledged events that the bus delivers no other.
pub(crate) fn too_many_wait(unacknowledged: usize) -> Health {
    Health::down("too many events wait for their next attempt, and no other is delivered (`max_waiting`)")
        .detail("unacknowledged", unacknowledged)
}
