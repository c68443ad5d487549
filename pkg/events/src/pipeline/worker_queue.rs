use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A queue of jobs for one or more workers.
///
/// To wake a worker costs more than a quick handler. So a push wakes one worker at most, and a woken worker that finds
/// more than one job wakes the next: quick handlers run in one or two workers that never sleep, slow ones in all.
pub(super) struct WorkerQueue<T> {
    state: Mutex<QueueState<T>>,
    wake: Notify,
}

struct QueueState<T> {
    jobs: VecDeque<T>,
    /// A worker was woken and has not run yet.
    waking: bool,
    closed: bool,
}

impl<T> WorkerQueue<T> {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(QueueState { jobs: VecDeque::new(), waking: false, closed: false }),
            wake: Notify::new(),
        }
    }

    /// Adds a job, or returns it when the queue is closed.
    pub(super) fn push(&self, job: T) -> Option<T> {
        let mut state = self.state();
        if state.closed {
            return Some(job);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn jobs_come_in_order_and_end_with_the_queue() {
        let queue = WorkerQueue::new();
        (0..3).for_each(|n| assert_eq!(queue.push(n), None));
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
        let queue = Arc::new(WorkerQueue::new());
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
        let queue = Arc::new(WorkerQueue::new());
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
