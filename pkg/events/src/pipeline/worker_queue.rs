use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::limits::Limits;

/// What can wait in a queue behind an event that waits for its next attempt.
pub(super) trait Parkable {
    /// Trades its in-flight permit for waiting units.
    fn park(&mut self, limits: &Limits);
}

/// A queue of jobs for one or more workers.
///
/// To wake a worker costs more than a quick handler. So a push wakes one worker at most, and a woken worker that finds
/// more than one job wakes the next: quick handlers run in one or two workers that never sleep, slow ones in all.
pub(super) struct WorkerQueue<T> {
    state: Mutex<QueueState<T>>,
    wake: Notify,
    limits: Arc<Limits>,
}

struct QueueState<T> {
    jobs: VecDeque<T>,
    /// How many of the first jobs were parked.
    parked: usize,
    /// Jobs are parked when they are pushed.
    parks: bool,
    /// A worker was woken and has not run yet.
    waking: bool,
    closed: bool,
}

impl<T: Parkable> WorkerQueue<T> {
    pub(super) fn new(limits: Arc<Limits>) -> Self {
        let state =
            QueueState { jobs: VecDeque::new(), parked: 0, parks: false, waking: false, closed: false };
        Self { state: Mutex::new(state), wake: Notify::new(), limits }
    }

    /// Adds a job, or returns it when the queue is closed.
    pub(super) fn push(&self, mut job: T) -> Option<T> {
        let mut state = self.state();
        if state.closed {
            return Some(job);
        }
        if state.parks {
            job.park(&self.limits);
            state.parked += 1;
        }
        state.jobs.push_back(job);
        self.wake_one(state);
        None
    }

    /// Accepts no further job. Those that wait are still taken.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.wake.notify_one();
    }

    /// The next job, or none when the queue is closed and empty.
    ///
    /// # Cancel safety
    /// Cancel safe: a wake-up that is not used goes to another worker.
    pub(super) async fn pop(&self) -> Option<T> {
        let mut woken = false;
        loop {
            {
                let mut state = self.state();
                if woken {
                    state.waking = false;
                }
                if let Some(job) = state.jobs.pop_front() {
                    state.parked = state.parked.saturating_sub(1);
                    if !state.jobs.is_empty() {
                        self.wake_one(state);
                    }
                    return Some(job);
                }
                if state.closed {
                    drop(state);
                    // Each worker that ends wakes the next.
                    self.wake.notify_one();
                    return None;
                }
            }
            self.wake.notified().await;
            woken = true;
        }
    }

    /// Parks the jobs in the queue, and those pushed until the guard is dropped: they wait behind an event that is retried in
    /// its order. For queues of one worker.
    pub(super) fn park(&self) -> ParkedQueue<'_, T> {
        let mut state = self.state();
        state.parks = true;
        let parked = state.parked.min(state.jobs.len());
        state.jobs.range_mut(parked..).for_each(|job| job.park(&self.limits));
        state.parked = state.jobs.len();
        ParkedQueue(self)
    }

    fn wake_one(&self, mut state: MutexGuard<'_, QueueState<T>>) {
        let wake = !std::mem::replace(&mut state.waking, true);
        drop(state);
        if wake {
            self.wake.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, QueueState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A queue whose jobs wait behind an event that is retried.
pub(super) struct ParkedQueue<'a, T: Parkable>(&'a WorkerQueue<T>);

impl<T: Parkable> Drop for ParkedQueue<'_, T> {
    fn drop(&mut self) {
        self.0.state().parks = false;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::SubscribeOptions;

    impl Parkable for usize {
        fn park(&mut self, _: &Limits) {
            *self += 100;
        }
    }

    impl Parkable for tokio::sync::mpsc::Sender<()> {
        fn park(&mut self, _: &Limits) {}
    }

    fn queue<T: Parkable>() -> WorkerQueue<T> {
        WorkerQueue::new(Arc::new(Limits::new(&SubscribeOptions::new("q"))))
    }

    #[tokio::test]
    async fn jobs_behind_a_retry_are_parked_once() {
        let queue = queue();
        (0..2_usize).for_each(|n| assert_eq!(queue.push(n), None));
        let parked = queue.park();
        assert_eq!(queue.push(2), None);
        drop(parked);
        assert_eq!((queue.push(3), queue.pop().await), (None, Some(100)));
        drop(queue.park());
        queue.close();
        let mut left = Vec::new();
        while let Some(job) = queue.pop().await {
            left.push(job);
        }
        assert_eq!(left, [101, 102, 103]);
    }

    #[tokio::test]
    async fn jobs_come_in_order_and_end_with_the_queue() {
        let queue = queue();
        (0..3_usize).for_each(|n| assert_eq!(queue.push(n), None));
        queue.close();
        assert_eq!(queue.push(3), Some(3));
        for n in 0..3 {
            assert_eq!(queue.pop().await, Some(n));
        }
        assert_eq!((queue.pop().await, queue.pop().await), (None, None));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_job_is_left_behind_and_every_worker_ends() {
        const JOBS: usize = 50_000;
        let queue = Arc::new(queue());
        let workers: Vec<_> = (0..8)
            .map(|_| {
                let queue = Arc::clone(&queue);
                tokio::spawn(async move {
                    let mut taken = 0;
                    while queue.pop().await.is_some() {
                        taken += 1;
                        if taken % 7 == 0 {
                            tokio::task::yield_now().await;
                        }
                    }
                    taken
                })
            })
            .collect();
        for job in 0..JOBS {
            assert_eq!(queue.push(job), None);
            if job % 100 == 0 {
                tokio::task::yield_now().await;
            }
        }
        queue.close();
        let mut taken = 0;
        for worker in workers {
            taken += tokio::time::timeout(Duration::from_secs(20), worker).await.unwrap().unwrap();
        }
        assert_eq!(taken, JOBS);
    }

    /// Handlers that take long must not keep other jobs from idle workers.
    #[tokio::test]
    async fn slow_workers_wake_the_others() {
        let queue = Arc::new(queue());
        let barrier = Arc::new(tokio::sync::Barrier::new(4));
        for _ in 0..4 {
            let (queue, barrier) = (Arc::clone(&queue), Arc::clone(&barrier));
            tokio::spawn(async move {
                while let Some(done) = queue.pop().await {
                    barrier.wait().await;
                    drop::<tokio::sync::mpsc::Sender<()>>(done);
                }
            });
        }
        tokio::task::yield_now().await;
        let (done, mut all) = tokio::sync::mpsc::channel(1);
        // Each waits for three others: all four have to be at work at once.
        (0..4).for_each(|_| assert!(queue.push(done.clone()).is_none()));
        drop(done);
        assert!(tokio::time::timeout(Duration::from_secs(5), all.recv()).await.unwrap().is_none());
    }
}
