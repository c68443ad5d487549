use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use super::{Inbound, Slot};
use crate::{Event, InvalidEvent, Order, SubscribeOptions};

/// A message on its way to a worker. The permit frees its slot when the job ends, however it ends.
pub(super) struct Job<M> {
    pub(super) message: M,
    pub(super) event: Option<Result<Arc<Event>, InvalidEvent>>,
    pub(super) slot: Slot,
}

pub(super) type JobReceiver<M> = Arc<Mutex<UnboundedReceiver<Job<M>>>>;

/// Where a backend puts messages: one lane for all, or one lane for each group of keys.
///
/// The channels need no bound of their own: a message needs a slot, and there are only so many.
pub(crate) struct Intake<M> {
    lanes: Vec<UnboundedSender<Job<M>>>,
    window: Arc<Semaphore>,
    by_key: bool,
}

impl<M: Inbound> Intake<M> {
    pub(super) fn new(options: &SubscribeOptions) -> (Self, Vec<JobReceiver<M>>) {
        let workers = options.lanes();
        let by_key = options.order == Order::PerKey;
        let (mut lanes, mut receivers) = (Vec::new(), Vec::new());
        for _ in 0..if by_key { workers } else { 1 } {
            let (sender, receiver) = unbounded_channel();
            lanes.push(sender);
            receivers.push(Arc::new(Mutex::new(receiver)));
        }
        if !by_key {
            // One lane, many workers: a slow handler holds up nobody.
            receivers = receivers.iter().cycle().take(workers).map(Arc::clone).collect();
        }
        let window = Arc::new(Semaphore::new(Self::window_of(options)));
        (Self { lanes, window, by_key }, receivers)
    }

    /// How many messages may be in this process at once: enough that workers need not wait for the next fetch, few
    /// enough that other processes get their share. Strict order takes one.
    pub(crate) fn window_of(options: &SubscribeOptions) -> usize {
        if options.order == Order::Strict { 1 } else { options.lanes().saturating_mul(8).clamp(16, 4096) }
    }

    /// Waits for free slots and takes up to `max` of them.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn slots(&self, max: usize) -> Slots {
        let Ok(mut permit) = Arc::clone(&self.window).acquire_owned().await else {
            // The semaphore is never closed while the intake lives.
            return Slots(None);
        };
        let more = self.window.available_permits().min(max.saturating_sub(1));
        if let Ok(rest) =
            Arc::clone(&self.window).try_acquire_many_owned(u32::try_from(more).unwrap_or(u32::MAX))
        {
            permit.merge(rest);
        }
        Slots(Some(permit))
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
            // A lane without a worker gives the message back by dropping it: it is then delivered again.
            drop(lane.send(Job { message, event, slot }));
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

/// Slots for messages; what is not used is free again when this is dropped.
pub(crate) struct Slots(Option<OwnedSemaphorePermit>);

impl Slots {
    /// No slots: for messages that came unasked.
    #[cfg(feature = "jetstream")]
    pub(crate) fn none() -> Self {
        Self(None)
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
