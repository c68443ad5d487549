use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::store::Heartbeat;
use crate::{JobRun, Progress, RunId};

/// The attempts of this process, from their claim to the commit of their end.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    attempts: Mutex<Attempts>,
    /// An attempt has ended, or its end was committed.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Attempts {
    all: BTreeMap<RunId, Attempt>,
    /// How many of them are finishing.
    finishing: usize,
}

#[derive(Debug)]
struct Attempt {
    run: JobRun,
    interrupts: Interrupts,
    /// Its end waits for the commit.
    is_finishing: bool,
}

/// What ends an attempt from outside.
#[derive(Debug, Clone, Default)]
pub(super) struct Interrupts {
    /// Another attempt may have the job.
    pub(super) lost: CancellationToken,
    /// The drain is over.
    pub(super) give_back: CancellationToken,
}

/// How many attempts there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) running: usize,
    pub(super) finishing: usize,
}

/// Attempts by queue and by kind.
#[derive(Debug, Default)]
pub(super) struct Counts {
    queues: HashMap<String, usize>,
    kinds: HashMap<String, usize>,
}

impl Counts {
    pub(super) fn of_queue(&self, queue: &str) -> usize {
        self.queues.get(queue).copied().unwrap_or(0)
    }

    pub(super) fn of_kind(&self, kind: &str) -> usize {
        self.kinds.get(kind).copied().unwrap_or(0)
    }
}

impl InFlight {
    pub(super) fn begin(&self, run: &JobRun) -> Interrupts {
        let interrupts = Interrupts::default();
        let attempt = Attempt { run: run.clone(), interrupts: interrupts.clone(), is_finishing: false };
        self.attempts().all.insert(run.id(), attempt);
        interrupts
    }

    /// The end of an attempt is known and not yet committed: its handler has returned, and another one can start in its place.
    pub(super) fn finishing(&self, run: RunId) {
        let mut attempts = self.attempts();
        if let Some(attempt) = attempts.all.get_mut(&run)
            && !std::mem::replace(&mut attempt.is_finishing, true)
        {
            attempts.finishing += 1;
        }
        drop(attempts);
        self.freed.notify_waiters();
    }

    pub(super) fn end(&self, runs: impl IntoIterator<Item = RunId>) {
        let mut attempts = self.attempts();
        for run in runs {
            if attempts.all.remove(&run).is_some_and(|attempt| attempt.is_finishing) {
                attempts.finishing -= 1;
            }
        }
        drop(attempts);
        self.freed.notify_waiters();
    }

    pub(super) fn len(&self) -> usize {
        self.attempts().all.len()
    }

    /// How many handlers run, and how many ends wait for their commit.
    pub(super) fn load(&self) -> Load {
        let attempts = self.attempts();
        Load { running: attempts.all.len() - attempts.finishing, finishing: attempts.finishing }
    }

    /// The handlers that run.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for attempt in self.attempts().all.values().filter(|attempt| !attempt.is_finishing) {
            *counts.queues.entry(attempt.run.queue().to_owned()).or_default() += 1;
            *counts.kinds.entry(attempt.run.kind().to_owned()).or_default() += 1;
        }
        counts
    }

    pub(super) fn runs(&self) -> Vec<RunId> {
        self.attempts().all.keys().copied().collect()
    }

    /// Stops the attempts that are missing in the answer to a heartbeat, and passes cancellations on.
    pub(super) fn heard(&self, asked: &[RunId], answer: &[Heartbeat]) {
        let cancels: HashMap<RunId, bool> = answer.iter().map(|beat| (beat.run, beat.cancel)).collect();
        let attempts = self.attempts();
        for run in asked {
            let Some(attempt) = attempts.all.get(run) else { continue };
            match cancels.get(run) {
                Some(true) => attempt.run.cancel(),
                Some(false) => {}
                // Its end may have been committed in between.
                None if attempt.is_finishing => {}
                None => {
                    attempt.run.cancel();
                    attempt.interrupts.lost.cancel();
                }
            }
        }
    }

    /// The progress that was reported since the last call. That of an attempt whose end waits for its commit tells nobody
    /// anything, and its row may be locked by then.
    pub(super) fn take_progress(&self) -> Vec<(RunId, Progress)> {
        let attempts = self.attempts();
        let running = attempts.all.iter().filter(|(_, attempt)| !attempt.is_finishing);
        running.filter_map(|(run, attempt)| Some((*run, attempt.run.take_progress()?))).collect()
    }

    /// Ends all attempts that still run; returns how many.
    pub(super) fn give_back(&self) -> usize {
        let attempts = self.attempts();
        let running = attempts.all.values().filter(|attempt| !attempt.is_finishing);
        running.map(|attempt| attempt.interrupts.give_back.cancel()).count()
    }

    /// Waits until it is enough, and looks whenever an attempt has ended. Cancel-safe.
    pub(super) async fn freed(&self, is_enough: impl Fn(&Self) -> bool) {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if is_enough(self) {
                return;
            }
            freed.await;
        }
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
