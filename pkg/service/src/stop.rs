use std::future::Future;

use tokio_util::sync::CancellationToken;

/// Tells a supervised task that the service stops.
#[derive(Clone, Debug)]
pub struct Stop(pub(crate) CancellationToken);

impl Stop {
    /// Returns once the task shall end.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// Whether the task shall end.
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Runs the work until the service stops. None when the stop came first; the work is dropped then.
    ///
    /// # Cancel safety
    /// As safe as the work.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.0.run_until_cancelled(work).await
    }
}
