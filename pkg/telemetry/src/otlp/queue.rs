use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;
use underpin_logger::FlushError;

/// A bounded queue between the threads that record and the one that exports. Offering never waits; what does not fit is dropped.
pub(super) struct Queue<T> {
    capacity: usize,
    state: Mutex<State<T>>,
    /// For the thread that exports.
    arrived: Notify,
    /// For whoever flushes.
    handled: Condvar,
}

struct State<T> {
    items: VecDeque<(T, usize)>,
    /// The weight of all items.
    weight: usize,
    /// Items taken in, and items that were exported or dropped after that, since the start.
    accepted: u64,
    handled: u64,
    /// Up to which item a flush waits: it is not gathered for any longer.
    urgent: u64,
    is_closed: bool,
}

impl<T> Queue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        let state =
            State { items: VecDeque::new(), weight: 0, accepted: 0, handled: 0, urgent: 0, is_closed: false };
        Self { capacity, state: Mutex::new(state), arrived: Notify::new(), handled: Condvar::new() }
    }

    /// Whether the item was taken.
    pub(super) fn offer(&self, item: T, weight: usize, wake_at: usize) -> bool {
        let mut state = self.lock();
        if state.is_closed || state.weight + weight > self.capacity {
            return false;
        }
        state.weight += weight;
        state.accepted += 1;
        state.items.push_back((item, weight));
        let wakes = state.items.len() == wake_at;
        drop(state);
        if wakes {
            self.arrived.notify_one();
        }
        true
    }

    /// The next items, at most `most`: as soon as there are so many, a flush asks, or `interval` has passed. `None` at the end.
    pub(super) async fn next(&self, most: usize, interval: Duration) -> Option<Vec<T>> {
        let mut until = tokio::time::Instant::now() + interval;
        loop {
            let arrived = self.arrived.notified();
            {
                let mut state = self.lock();
                let is_due = tokio::time::Instant::now() >= until || state.urgent > state.handled;
                if !state.items.is_empty() && (is_due || state.items.len() >= most || state.is_closed) {
                    let count = most.min(state.items.len());
                    let taken: Vec<(T, usize)> = state.items.drain(..count).collect();
                    state.weight -= taken.iter().map(|(_, weight)| weight).sum::<usize>();
                    return Some(taken.into_iter().map(|(item, _)| item).collect());
                }
                if state.is_closed {
                    return None;
                }
                if is_due {
                    until = tokio::time::Instant::now() + interval;
                }
            }
            tokio::select! {
                () = arrived => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    /// So many of the items that were taken are exported or dropped.
    pub(super) fn handled(&self, count: usize) {
        self.lock().handled += count as u64;
        self.handled.notify_all();
    }

    /// Takes nothing more; what is there still comes out.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.arrived.notify_one();
    }

    /// Drops what is there; returns how many items were not handled, those being exported included.
    pub(super) fn clear(&self) -> u64 {
        let mut state = self.lock();
        state.is_closed = true;
        state.weight = 0;
        let left = state.accepted.saturating_sub(state.handled);
        state.handled = state.accepted;
        let items = std::mem::take(&mut state.items);
        drop(state);
        drop(items);
        self.handled.notify_all();
        left
    }

    /// Waits until all that was taken so far is handled.
    pub(super) fn flush(&self, within: Duration) -> Result<(), FlushError> {
        let began = Instant::now();
        let mut state = self.lock();
        let target = state.accepted;
        state.urgent = state.urgent.max(target);
        self.arrived.notify_one();
        while state.handled < target {
            let Some(left) = within.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) else {
                return Err(FlushError::TimedOut { within });
            };
            let waited = self.handled.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn items_come_when_there_are_enough_of_them_or_time_has_passed() {
        let queue = Queue::new(10);
        assert!(queue.offer(1, 1, 2));
        let began = tokio::time::Instant::now();
        assert_eq!(queue.next(2, Duration::from_secs(5)).await, Some(vec![1]));
        assert!(began.elapsed() >= Duration::from_secs(5));
        assert!(queue.offer(2, 1, 2) && queue.offer(3, 1, 2) && queue.offer(4, 1, 2));
        assert_eq!(queue.next(2, HOUR).await, Some(vec![2, 3]));
        queue.close();
        assert_eq!(queue.next(2, HOUR).await, Some(vec![4]));
        assert_eq!(queue.next(2, HOUR).await, None);
        assert!(!queue.offer(5, 1, 2));
    }

    #[test]
    fn what_does_not_fit_is_refused_by_weight() {
        let queue = Queue::new(10);
        assert!(queue.offer("a", 6, 99) && !queue.offer("b", 5, 99) && queue.offer("c", 4, 99));
        assert!(matches!(queue.flush(Duration::from_millis(1)), Err(FlushError::TimedOut { .. })));
        assert_eq!(queue.clear(), 2);
        assert!(queue.flush(Duration::ZERO).is_ok());
    }

    #[tokio::test]
    async fn a_flush_waits_for_what_was_there_and_hurries_it() {
        let queue = std::sync::Arc::new(Queue::new(10));
        assert!(queue.offer(1, 1, 99));
        let flushing = {
            let queue = std::sync::Arc::clone(&queue);
            tokio::task::spawn_blocking(move || queue.flush(Duration::from_secs(60)))
        };
        let taken = queue.next(99, HOUR).await.unwrap();
        queue.handled(taken.len());
        assert!(flushing.await.unwrap().is_ok());
    }
}
