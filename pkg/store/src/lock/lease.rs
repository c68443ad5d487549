use std::future::Future;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::sleep_until;

use super::clock::{Clock, Expiry, Term};
use super::renewal::Released;
use crate::StoreError;

/// A lock that is held. Dropped, it is released in the background; [`release`](Self::release) waits for it.
#[derive(Debug)]
#[must_use = "a lease that is dropped is released"]
pub struct Lease {
    token: u64,
    /// How long the lock is held for certain. Over once it is lost.
    term: watch::Receiver<Term>,
    expiry: Expiry,
    clock: Clock,
    /// Asks the renewing task to release; dropped, it asks too.
    release: Option<oneshot::Sender<oneshot::Sender<Released>>>,
}

impl Lease {
    pub(super) fn new(
        token: u64,
        term: watch::Receiver<Term>,
        expiry: Expiry,
        clock: Clock,
        release: oneshot::Sender<oneshot::Sender<Released>>,
    ) -> Self {
        Self { token, term, expiry, clock, release: Some(release) }
    }

    /// A lease without a lock, for mocks: held for this long.
    pub fn held(token: u64, lasts: Duration) -> Self {
        let clock = Clock::default();
        let (_, term) = watch::channel(Term::lasting(clock.now(), lasts));
        Self { token, term, expiry: Expiry::default(), clock, release: None }
    }

    /// The fencing token: it grows with every acquisition of the bucket's locks, and stays the same over renewals.
    ///
    /// Give it to the resource with every write, and let the resource refuse smaller ones, such as
    /// `UPDATE stock SET n = $1, fence = $2 WHERE id = $3 AND fence <= $2`.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Whether the lock is held for certain, counted from before the last renewal was sent.
    ///
    /// By the monotonic clock and the wall clock of this process, whichever is first: a machine that was suspended, or whose time was set
    /// forward, loses the lock. Time that was set back changes nothing. A lease that was lost stays lost.
    pub fn is_held(&self) -> bool {
        !self.expiry.is_reached(&self.term.borrow(), self.clock.now())
    }

    /// Waits until the lock is not held for certain any more.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn lost(&self) {
        let mut term = self.term.clone();
        loop {
            let (now, current) = (self.clock.now(), *term.borrow_and_update());
            if self.expiry.is_reached(&current, now) {
                return;
            }
            let look = current.next_look(now);
            tokio::select! {
                () = sleep_until(look) => {}
                changed = term.changed() => {
                    if changed.is_err() {
                        // The renewing task has ended.
                        sleep_until(look).await;
                    }
                }
            }
        }
    }

    /// Runs work while the lock is held, and drops it when the lock is lost.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], and those of the work.
    ///
    /// # Cancel safety
    /// That of the work; the lock stays held.
    pub async fn run<T, E: From<StoreError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::select! {
            biased;
            () = self.lost() => Err(StoreError::LeaseLost.into()),
            done = work => done,
        }
    }

    /// Releases the lock. A lock that another holder has by now stays.
    ///
    /// # Errors
    /// Those of [`KeyValue::delete`](crate::KeyValue::delete); the lock is free when the lease is over.
    ///
    /// # Cancel safety
    /// The lock is released in the background.
    pub async fn release(mut self) -> Result<(), StoreError> {
        let Some(release) = self.release.take() else { return Ok(()) };
        let (sender, released) = oneshot::channel();
        if release.send(sender).is_err() {
            // The task has ended: the lock is lost.
            return Ok(());
        }
        released.await.unwrap_or(Ok(()))
    }
}
