use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::inbound::Inbound;
use super::job::Job;
use super::limits::Limits;
use super::permits::InFlightPermits;
use super::worker_queue::WorkerQueue;
use crate::{Order, SubscribeOptions};

/// Distributes messages to the worker queues: one queue for all workers, or one for each group of ordering keys.
///
/// The queues need no limit: each message needs a permit, and [`Limits`] limits their number.
pub(crate) struct Dispatcher<M: Inbound> {
    queues: Vec<Arc<WorkerQueue<Job<M>>>>,
    limits: Arc<Limits>,
    by_key: bool,
}

impl<M: Inbound> Dispatcher<M> {
    /// A dispatcher, and the queue of each worker.
    pub(super) fn new(
        options: &SubscribeOptions,
        limits: &Arc<Limits>,
    ) -> (Self, Vec<Arc<WorkerQueue<Job<M>>>>) {
        let workers = options.workers();
        let by_key = options.order == Order::PerKey;
        // Without keys all workers share one queue: a slow handler delays no other event.
        let count = if by_key { workers } else { 1 };
        let queues: Vec<_> = (0..count).map(|_| Arc::new(WorkerQueue::new(Arc::clone(limits)))).collect();
        let of_workers = queues.iter().cycle().take(workers).map(Arc::clone).collect();
        (Self { queues, limits: Arc::clone(limits), by_key }, of_workers)
    }

    /// [`Limits::acquire`].
    pub(crate) async fn acquire(&self, max: usize) -> InFlightPermits {
        self.limits.acquire(max).await
    }

    /// [`Limits::try_acquire`].
    #[cfg(feature = "jetstream")]
    pub(crate) fn try_acquire(&self, max: usize) -> Option<InFlightPermits> {
        self.limits.try_acquire(max)
    }

    /// [`Limits::quarter`].
    #[cfg(feature = "jetstream")]
    pub(crate) fn quarter(&self) -> usize {
        self.limits.quarter()
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
            drop(queue.push(Job { message, event, permit: permits.take_one(), refused: None }));
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
impl<M: Inbound> Drop for Dispatcher<M> {
    fn drop(&mut self) {
        self.queues.iter().for_each(|queue| queue.close());
    }
}
