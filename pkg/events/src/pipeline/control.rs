use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::DrainOutcome;

/// How a subscription is told to end, and how it tells that it has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Control {
    /// Take nothing new; what waits is given back.
    pub(crate) stop: CancellationToken,
    /// Cancel the handlers as well.
    pub(crate) kill: CancellationToken,
    /// Every task has ended.
    pub(crate) closed: CancellationToken,
    cancelled: std::sync::Arc<AtomicUsize>,
}

impl Control {
    /// Stops, waits for the handlers, and cancels them when the time is over.
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

    /// A handler, a confirmation or a dead letter was not waited for to its end.
    pub(crate) fn note_cancelled(&self) {
        self.cancelled.fetch_add(1, Ordering::AcqRel);
    }
}
