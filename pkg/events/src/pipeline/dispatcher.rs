use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::inbound::Inbound;
use super::permits::{InFlightPermit, InFlightPermits};
use super::worker_queue::WorkerQueue;
use crate::{Event, InvalidEventError, Order, SubscribeOptions};

/// A message that waits for a worker. Its permit is free again when the job ends, however it ends.
pub(super) struct Job<M> {
    pub(super) message: M,
    pub(super) event: Option<Result<Arc<Event>, InvalidEventError>>,
    pub(super) permit: InFlightPermit,
}

/// Distributes messages to the worker queues: one queue for all workers, or one for each group of ordering keys.
///
/// The queues need no limit: each message needs an in-flight permit, and their number is limited.
pub(crate) struct Dispatcher<M> {
    queues: Vec<Arc<WorkerQueue<Job<M>>>>,
    permits: Arc<Semaphore>,
    limit: usize,
    by_key: bool,
}

impl<M: Inbound> Dispatcher<M> {
    /// A dispatcher, and the queue of each worker.
    pub(super) fn new(options: &SubscribeOptions) -> (Self, Vec<Arc<WorkerQueue<Job<M>>>>) {
        let workers = options.workers();
        let by_key = options.order == Order::PerKey;
        // Without keys all workers share one queue: a slow handler delays no other event.
        let count = if by_key { workers } else { 1 };
        let queues: Vec<_> = (0..count).map(|_| Arc::new(WorkerQueue::new())).collect();
        let of_workers = queues.iter().cycle().take(workers).map(Arc::clone).collect();
        let limit = Self::in_flight_limit(options);
        (Self { queues, permits: Arc::new(Semaphore::new(limit)), limit, by_key }, of_workers)
    }

    /// How many messages this process holds at most: enough that workers need not wait for the next fetch, few enough that
    /// other processes get their share. One with strict order.
    pub(crate) fn in_flight_limit(options: &SubscribeOptions) -> usize {
        if options.order == Order::Strict { 1 } else { options.workers().saturating_mul(8).clamp(16, 4096) }
    }

    /// Waits for free permits and takes up to `max` of them. Without keys it waits for a quarter of the limit, since small
    /// requests cost as much as large ones and the workers still have three quarters to do. With keys it takes a single
    /// permit: the other messages may wait behind one slow key.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn acquire(&self, max: usize) -> InFlightPermits {
        let least = if self.by_key { 1 } else { self.quarter().min(max.max(1)) };
        let least_permits = u32::try_from(least).unwrap_or(1);
        let Ok(mut permits) = Arc::clone(&self.permits).acquire_many_owned(least_permits).await else {
            // The semaphore is never closed while the dispatcher lives.
            return InFlightPermits::none();
        };
        let more = self.permits.available_permits().min(max.saturating_sub(least));
        if let Ok(rest) =
            Arc::clone(&self.permits).try_acquire_many_owned(u32::try_from(more).unwrap_or(u32::MAX))
        {
            permits.merge(rest);
        }
        InFlightPermits::new(permits)
    }

    /// A quarter of the limit, at least one.
    pub(crate) fn quarter(&self) -> usize {
        (self.limit / 4).max(1)
    }

    /// Takes free permits without waiting, when a quarter of the limit is free.
    #[cfg(feature = "jetstream")]
    pub(crate) fn try_acquire(&self, max: usize) -> Option<InFlightPermits> {
        let free = self.permits.available_permits();
        if free < self.quarter() {
            return None;
        }
        let wanted = u32::try_from(free.min(max)).unwrap_or(u32::MAX);
        Arc::clone(&self.permits).try_acquire_many_owned(wanted).ok().map(InFlightPermits::new)
    }

    /// Queues a message for its worker, with one of the permits.
    pub(crate) fn dispatch(&self, permits: &mut InFlightPermits, message: M) {
        let (event, queue) = if self.by_key {
            let event = message.decode();
            let queue = event.as_ref().map_or(0, |event| self.queue_of(event.ordering_key()));
            (Some(event), queue)
        } else {
            (None, 0)
        };
        if let Some(queue) = self.queues.get(queue) {
            // The queue is open for as long as there is a dispatcher.
            drop(queue.push(Job { message, event, permit: permits.take_one() }));
        }
    }

    fn queue_of(&self, key: &str) -> usize {
        // DefaultHasher::new() has fixed keys: the same key is in the same queue in every run.
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let queues = u64::try_from(self.queues.len()).unwrap_or(1).max(1);
        usize::try_from(hasher.finish() % queues).unwrap_or(0)
    }
}

/// Closes the queues: the workers end once these are empty.
impl<M> Drop for Dispatcher<M> {
    fn drop(&mut self) {
        self.queues.iter().for_each(|queue| queue.close());
    }
}
