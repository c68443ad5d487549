use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use underpin_database::wake::{NotifyMode, PollBackoff, WakeListener};

use super::completer::Ended;
use super::in_flight::Load;
use super::marks::ClaimMarks;
use super::shared::Shared;
use crate::JobsError;
use crate::meters;
use crate::store::{Claimed, Finished, Verdict};

/// The longest pause after failures of the store.
const RETRY: Duration = Duration::from_secs(2);

/// Claims jobs for all queues of the process and starts their attempts, until the drain. Returns when they have all ended.
pub(super) struct Dispatcher {
    shared: Arc<Shared>,
    ends: mpsc::UnboundedSender<Ended>,
    /// Dropped with the dispatcher, it stops them all.
    attempts: JoinSet<()>,
    wake: WakeListener,
    backoff: PollBackoff,
    notify_mode: NotifyMode,
    marks: ClaimMarks,
    /// The pauses after failures.
    retry: PollBackoff,
}

impl Dispatcher {
    pub(super) fn new(shared: Arc<Shared>, ends: mpsc::UnboundedSender<Ended>, wake: WakeListener) -> Self {
        let (backoff, retry) = (PollBackoff::new(shared.settings.poll), PollBackoff::new(RETRY));
        Self {
            shared,
            ends,
            attempts: JoinSet::new(),
            wake,
            backoff,
            notify_mode: NotifyMode::Off,
            marks: ClaimMarks::default(),
            retry,
        }
    }

    pub(super) async fn run(mut self) {
        let stop = self.shared.runner.draining.clone();
        self.dispatch(&stop).await;
        while self.attempts.join_next().await.is_some() {}
    }

    /// A claim is not interrupted: the jobs of one that was abandoned would wait for their leases to expire.
    async fn dispatch(&mut self, stop: &CancellationToken) {
        // Producers must know of the queues before anything is asked of NOTIFY.
        self.set_notify_mode(NotifyMode::On).await;
        while stop.run_until_cancelled(self.room()).await.is_some() && !stop.is_cancelled() {
            while self.attempts.try_join_next().is_some() {}
            match self.claim().await {
                Ok(None) => self.backoff.found(),
                Ok(Some(until)) => {
                    stop.run_until_cancelled(self.wait(until)).await;
                }
                Err(error) => {
                    self.shared.failed("cannot claim jobs, trying again", &error);
                    stop.run_until_cancelled(tokio::time::sleep(self.retry.found_nothing())).await;
                    // The server that answers next may have lost what was set.
                    self.notify_mode = NotifyMode::Off;
                }
            }
            if let Some(mode) = self.backoff.notify_mode(self.notify_mode) {
                self.set_notify_mode(mode).await;
            }
        }
    }

    /// Waits until half of the capacity is free, so that claims come in groups; for less after two milliseconds. Ends that wait for
    /// their commit hold no capacity, but there are no more of them than can run: a slow commit slows the claims.
    async fn room(&self) {
        let (in_flight, capacity) = (&self.shared.in_flight, self.shared.routes.capacity());
        let is_free = |load: Load| load.running < capacity && load.finishing <= capacity;
        in_flight.freed(|in_flight| is_free(in_flight.load())).await;
        let half = in_flight.freed(|in_flight| in_flight.load().running * 2 <= capacity);
        drop(tokio::time::timeout(Duration::from_millis(2), half).await);
    }

    /// Waits for a wake-up, or for room where there was none.
    async fn wait(&mut self, until: Instant) {
        let in_flight = &self.shared.in_flight;
        let (before, is_full) =
            (in_flight.load().running, self.shared.routes.is_full_somewhere(&in_flight.counts()));
        let room = in_flight.freed(|in_flight| is_full && in_flight.load().running < before);
        tokio::select! {
            () = self.wake.notified() => self.backoff.reset(),
            () = room => self.backoff.reset(),
            () = tokio::time::sleep_until(until) => {}
        }
    }

    /// Claims what there is room for, and starts it; returns when to claim again if that is nothing.
    async fn claim(&mut self) -> Result<Option<Instant>, JobsError> {
        let shared = &self.shared;
        let Some(mut claim) = shared.claim(shared.settings.batch as usize) else {
            return Ok(Some(Instant::now() + self.backoff.found_nothing()));
        };
        let began = Instant::now();
        let first_at = self.marks.apply(&mut claim, began);
        let claimed = shared.store.claim(&claim).await?;
        shared.recovered();
        self.retry.reset();
        let now = Instant::now();
        self.marks.found(&claimed);
        if first_at.is_none() {
            self.marks.began_at_first(began, now);
        }
        if claimed.is_empty() {
            let until = now + self.backoff.found_nothing();
            return Ok(Some(first_at.map_or(until, |first_at| first_at.min(until))));
        }
        for job in claimed {
            self.start(job);
        }
        Ok(None)
    }

    fn start(&mut self, claimed: Claimed) {
        let shared = Arc::clone(&self.shared);
        if shared.runner.draining.is_cancelled() {
            let given_back = Finished::new(claimed.run, Verdict::GiveBack);
            // The completer outlives the dispatcher.
            self.ends.send((claimed.run, Some(given_back))).ok();
            return;
        }
        let Some(route) = shared.routes.get(&claimed.kind).cloned() else { return };
        meters::waited(&claimed.queue, claimed.waited);
        let run = shared.runner.attempt(claimed, &route);
        let interrupts = shared.in_flight.begin(&run);
        let ends = self.ends.clone();
        self.attempts.spawn(async move {
            let (_, finished) = shared.runner.run(&run, &route, &interrupts).await;
            shared.in_flight.finishing(run.id());
            // The completer outlives the attempts.
            ends.send((run.id(), finished)).ok();
        });
    }

    async fn set_notify_mode(&mut self, mode: NotifyMode) {
        let queues: Vec<String> = self.shared.routes.queues().map(str::to_owned).collect();
        // Only speed depends on it: whatever the statement does, the dispatcher polls.
        if self.shared.store.set_notify(&queues, mode == NotifyMode::On).await.is_ok() {
            self.notify_mode = mode;
        }
    }
}
