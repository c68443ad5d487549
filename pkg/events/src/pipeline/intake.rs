use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::lane::Lane;
use super::{Inbound, Slot};
use crate::{Event, InvalidEvent, Order, SubscribeOptions};

/// A message on its way to a worker. The permit frees its slot when the job ends, however it ends.
pub(super) struct Job<M> {
    pub(super) message: M,
    pub(super) event: Option<Result<Arc<Event>, InvalidEvent>>,
    pub(super) slot: Slot,
}

/// Where a backend puts messages: one lane for all, or one lane for each group of keys.
///
/// The lanes need no bound of their own: a message needs a slot, and there are only so many.
pub(crate) struct Intake<M> {
    lanes: Vec<Arc<Lane<Job<M>>>>,
    window: Arc<Semaphore>,
    size: usize,
    by_key: bool,
}

impl<M: Inbound> Intake<M> {
    /// An intake, and the lane of each worker.
    pub(super) fn new(options: &SubscribeOptions) -> (Self, Vec<Arc<Lane<Job<M>>>>) {
        let workers = options.lanes();
        let by_key = options.order == Order::PerKey;
        // Without keys one lane for many workers: a slow handler holds up nobody.
        let count = if by_key { workers } else { 1 };
        let lanes: Vec<_> = (0..count).map(|_| Arc::new(Lane::new())).collect();
        let of_workers = lanes.iter().cycle().take(workers).map(Arc::clone).collect();
        let size = Self::window_of(options);
        (Self { lanes, window: Arc::new(Semaphore::new(size)), size, by_key }, of_workers)
    }

    /// How many messages may be in this process at once: enough that workers need not wait for the next fetch, few
    /// enough that other processes get their share. Strict order takes one.
    pub(crate) fn window_of(options: &SubscribeOptions) -> usize {
        if options.order == Order::Strict { 1 } else { options.lanes().saturating_mul(8).clamp(16, 4096) }
    }

    /// Waits for free slots and takes up to `max` of them. Without keys it waits for a quarter of the window, since small
    /// requests cost as much as large ones and the workers still have three quarters to do. With keys a single slot is worth
    /// taking: the others may wait behind one slow key.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn slots(&self, max: usize) -> Slots {
        let least = if self.by_key { 1 } else { self.quarter().min(max.max(1)) };
        let least_permits = u32::try_from(least).unwrap_or(1);
        let Ok(mut permit) = Arc::clone(&self.window).acquire_many_owned(least_permits).await else {
            // The semaphore is never closed while the intake lives.
            return Slots(None);
        };
        let more = self.window.available_permits().min(max.saturating_sub(least));
        if let Ok(rest) =
            Arc::clone(&self.window).try_acquire_many_owned(u32::try_from(more).unwrap_or(u32::MAX))
        {
            permit.merge(rest);
        }
        Slots(Some(permit))
    }

    /// A quarter of the window, at least one slot.
    pub(crate) fn quarter(&self) -> usize {
        (self.size / 4).max(1)
    }

    /// Takes free slots without waiting, when a quarter of the window is free.
    #[cfg(feature = "jetstream")]
    pub(crate) fn slots_at_once(&self, max: usize) -> Option<Slots> {
        let free = self.window.available_permits();
        if free < self.quarter() {
            return None;
        }
        let wanted = u32::try_from(free.min(max)).unwrap_or(u32::MAX);
        Arc::clone(&self.window).try_acquire_many_owned(wanted).ok().map(|permit| Slots(Some(permit)))
    }

    /// Hands a message to its lane, using up one slot.
    pub(crate) fn push(&self, slots: &mut Slots, message: M) {
        let (event, lane) = if self.by_key {
            let event = message.decode();
            let lane = event.as_ref().map_or(0, |event| self.lane_of(event.ordering_key()));
            (Some(event), lane)
        } else {
            (None, 0)
        };
        let slot = slots.0.as_mut().and_then(|permit| permit.split(1));
        if let Some(lane) = self.lanes.get(lane) {
            // It is open for as long as there is an intake.
            drop(lane.push(Job { message, event, slot }));
        }
    }

    fn lane_of(&self, key: &str) -> usize {
        // DefaultHasher::new() has fixed keys: the same key is in the same lane in every run.
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let lanes = u64::try_from(self.lanes.len()).unwrap_or(1).max(1);
        usize::try_from(hasher.finish() % lanes).unwrap_or(0)
    }
}

/// Without an intake the workers end once their lane is empty.
impl<M> Drop for Intake<M> {
    fn drop(&mut self) {
        self.lanes.iter().for_each(|lane| lane.close());
    }
}

/// Slots for messages; what is not used is free again when this is dropped.
pub(crate) struct Slots(Option<OwnedSemaphorePermit>);

impl Slots {
    /// No slots: for messages that came unasked.
    #[cfg(feature = "jetstream")]
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Adds those of another request.
    #[cfg(feature = "jetstream")]
    pub(crate) fn merge(&mut self, other: Self) {
        match (&mut self.0, other.0) {
            (Some(permit), Some(other)) => permit.merge(other),
            (none @ None, other) => *none = other,
            (Some(_), None) => {}
        }
    }

    /// Frees that many of them, or all.
    #[cfg(feature = "jetstream")]
    pub(crate) fn release(&mut self, count: usize) {
        let count = count.min(self.len());
        drop(self.0.as_mut().and_then(|permit| permit.split(count)));
    }

    /// Gives one up: something came that nobody has to handle.
    #[cfg(feature = "jetstream")]
    pub(crate) fn forfeit(&mut self) {
        drop(self.0.as_mut().and_then(|permit| permit.split(1)));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }
}
