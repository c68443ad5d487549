//! The task that keeps a lock.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::clock::{Clock, Expiry, Term};
use crate::{Expect, Key, KeyValue, KeyValueExt, Revision, StoreError, Ttl, meters};

pub(super) type Released = Result<(), StoreError>;

/// The wait between attempts to renew.
const PAUSE: Duration = Duration::from_millis(100);

/// A lock as its holder knows it.
pub(super) struct Renewal {
    pub(super) store: Arc<dyn KeyValue>,
    pub(super) key: Key,
    /// Identifies this holder.
    pub(super) owner: Bytes,
    pub(super) revision: Revision,
    pub(super) lease: Duration,
    pub(super) term: watch::Sender<Term>,
    pub(super) expiry: Expiry,
    pub(super) clock: Clock,
}

enum Outcome {
    Renewed,
    Lost,
    /// The next attempt may succeed.
    Failed,
}

impl Renewal {
    /// Renews until the lock is to be released or is lost.
    pub(super) async fn run(mut self, mut release: oneshot::Receiver<oneshot::Sender<Released>>) {
        let mut next = Instant::now() + self.lease / 3;
        // Of attempts without an answer the first may be the one that was written.
        let mut first = None;
        loop {
            tokio::select! {
                biased;
                // Also when the lease was dropped.
                asked = &mut release => {
                    let released = self.release().await;
                    if let Ok(sender) = asked {
                        drop(sender.send(released));
                    }
                    return;
                }
                () = sleep_until(next) => {}
            }
            let asked = *first.get_or_insert_with(|| self.clock.now());
            match self.renew().await {
                // One whose answer came too late is lost: it was reported as such.
                Outcome::Renewed if !self.is_over() => {
                    first = None;
                    self.term.send_replace(Term::of_lease(asked, self.lease));
                    next = asked.monotonic + self.lease / 3;
                }
                Outcome::Failed if !self.is_over() => {
                    sleep(PAUSE.min(self.lease / 10)).await;
                    next = Instant::now();
                }
                lost => {
                    meters::lease_lost();
                    self.end();
                    if matches!(lost, Outcome::Renewed) {
                        // Free for others at once; else when the lease is over.
                        drop(self.release().await);
                    }
                    return;
                }
            }
        }
    }

    async fn renew(&mut self) -> Outcome {
        // A process that was frozen for longer than the lease has lost it, even if it is free.
        if self.is_over() {
            return Outcome::Lost;
        }
        let (expect, ttl) = (Expect::Revision(self.revision), Ttl::After(self.lease));
        match self.store.put(&self.key, self.owner.clone(), expect, ttl).await {
            Ok(revision) => {
                self.revision = revision;
                Outcome::Renewed
            }
            // A conflict may be with a renewal whose answer was lost.
            Err(error) if error.is_ambiguous() || error.is_conflict() => self.check().await,
            Err(error) if error.is_retryable() => Outcome::Failed,
            Err(_) => Outcome::Lost,
        }
    }

    /// Whether a renewal whose answer was lost was written.
    async fn check(&mut self) -> Outcome {
        match self.store.read(&self.key).await {
            Ok(Some(entry)) if entry.value == self.owner && entry.revision > self.revision => {
                self.revision = entry.revision;
                Outcome::Renewed
            }
            Ok(Some(entry)) if entry.value == self.owner => Outcome::Failed,
            Ok(_) => Outcome::Lost,
            Err(_) => Outcome::Failed,
        }
    }

    fn is_over(&self) -> bool {
        self.expiry.is_reached(&self.term.borrow(), self.clock.now())
    }

    fn end(&self) {
        self.term.send_modify(|term| *term = term.ended());
    }

    async fn release(&mut self) -> Released {
        self.end();
        match self.store.delete(&self.key, Expect::Revision(self.revision)).await {
            // Another holder has it, or the answer of a renewal was lost.
            Err(error) if error.is_conflict() => match self.store.read(&self.key).await? {
                Some(entry) if entry.value == self.owner => {
                    self.store.delete(&self.key, Expect::Revision(entry.revision)).await
                }
                _ => Ok(()),
            },
            released => released,
        }
    }
}
