use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::DrainOutcome;

/// Stops a subscription, and reports when it has ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Control {
    /// Take no new message, and give back what waits.
    pub(crate) stop: CancellationToken,
    /// Cancel the handlers as well.
    pub(crate) kill: CancellationToken,
    /// Every task has ended.
    pub(crate) closed: CancellationToken,
    cancelled: Arc<AtomicUsize>,
}

impl Control {
    /// Stops, waits for the handlers, and cancels those that still run after `within`.
    pub(crate) async fn drain(&self, within: Duration) -> DrainOutcome {
        self.stop.cancel();
        if timeout(within, self.closed.cancelled()).await.is_err() {
            self.kill.cancel();
            self.closed.cancelled().await;
        }
        match self.cancelled.load(Ordering::Acquire) {
            0 => DrainOutcome::Drained,
            cancelled => DrainOutcome::TimedOut { cancelled },
        }
    }

    pub(crate) fn abort(&self) {
        self.stop.cancel();
        self.kill.cancel();
    }

    /// Counts a handler, a confirmation or a dead letter that was cancelled.
    pub(crate) fn note_cancelled(&self) {
        self.cancelled.fetch_add(1, Ordering::AcqRel);
    }
}
