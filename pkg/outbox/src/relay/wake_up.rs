use tokio::time::Instant;
use underpin_database::wake::{NotifyMode, PollBackoff, WakeListener};

use super::settings::RelaySettings;
use super::store::Store;
use crate::signals::OutboxSignals;

/// When a worker that found nothing polls again.
#[derive(Debug)]
pub(super) struct WakeUp {
    signals: OutboxSignals,
    work: WakeListener,
    partitions: WakeListener,
    backoff: PollBackoff,
    notify_mode: NotifyMode,
}

/// Why a wait ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WokenBy {
    Work,
    Partitions,
}

impl WakeUp {
    pub(super) fn new(signals: &OutboxSignals, settings: &RelaySettings) -> Self {
        Self {
            work: signals.work.listen(),
            partitions: signals.partitions.listen(),
            signals: signals.clone(),
            backoff: PollBackoff::new(settings.poll),
            notify_mode: NotifyMode::On,
        }
    }

    pub(super) fn found(&mut self) {
        self.backoff.found();
    }

    /// Nothing was found: when to poll again.
    pub(super) fn found_nothing(&mut self) -> Instant {
        Instant::now() + self.backoff.found_nothing()
    }

    /// Waits for a signal. Cancel-safe.
    pub(super) async fn signalled(&mut self) -> WokenBy {
        tokio::select! {
            () = self.work.notified() => {
                self.backoff.reset();
                WokenBy::Work
            }
            () = self.partitions.notified() => WokenBy::Partitions,
        }
    }

    /// Tells the relays of this process that partitions are free.
    pub(super) fn partitions_released(&self) {
        self.signals.partitions.notify();
    }

    /// Acquired partitions are in the mode of a relay that sleeps.
    pub(super) fn partitions_acquired(&mut self) {
        self.notify_mode = NotifyMode::On;
    }

    /// Switches NOTIFY on or off for the partitions of this worker when it is time to.
    pub(super) async fn update_notify_mode(&mut self, store: &Store) {
        let Some(mode) = self.backoff.notify_mode(self.notify_mode) else { return };
        // Only speed depends on it: whatever the statement does, the worker polls.
        if store.set_notify_mode(mode).await.is_ok() {
            self.notify_mode = mode;
        }
    }
}
