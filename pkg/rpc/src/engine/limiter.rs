use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many calls run at once, and how many wait for that.
#[derive(Debug)]
pub(super) struct ConcurrencyLimiter {
    permits: Arc<Semaphore>,
    queue: usize,
    waiting: Arc<AtomicUsize>,
}

/// A place among those that run, or among those that wait.
pub(super) enum Admission {
    Permitted(OwnedSemaphorePermit),
    Queued(Arc<Semaphore>, QueueGuard),
}

pub(super) struct QueueGuard(Arc<AtomicUsize>);

impl Drop for QueueGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ConcurrencyLimiter {
    pub(super) fn new(limit: usize, queue: usize) -> Self {
        let permits = Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
        Self { permits, queue, waiting: Arc::default() }
    }

    /// A place for a call, or none when all are taken. Never waits.
    pub(super) fn admit(&self) -> Option<Admission> {
        // Who waits goes first: the semaphore hands its permits to waiting calls before `try_acquire` sees them.
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Some(Admission::Permitted(permit));
        }
        let guard = {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            QueueGuard(Arc::clone(&self.waiting))
        };
        // The guard takes the place back when it is one too many.
        (self.waiting() <= self.queue).then(|| Admission::Queued(Arc::clone(&self.permits), guard))
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl Admission {
    /// Waits for the permit to run.
    pub(super) async fn permit(self) -> Option<OwnedSemaphorePermit> {
        match self {
            Self::Permitted(permit) => Some(permit),
            Self::Queued(permits, _guard) => permits.acquire_owned().await.ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_runs_one_waits_and_the_third_is_refused() {
        let limiter = ConcurrencyLimiter::new(1, 1);
        let first = limiter.admit().unwrap().permit().await.unwrap();
        let second = limiter.admit().unwrap();
        assert!(limiter.admit().is_none());
        assert_eq!(limiter.waiting(), 1);
        drop(first);
        let second = second.permit().await.unwrap();
        assert_eq!(limiter.waiting(), 0);
        drop(limiter.admit().unwrap());
        assert_eq!(limiter.waiting(), 0, "a call that is given up leaves its place");
        drop(second);
    }
}
