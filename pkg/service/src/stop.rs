use std::future::Future;

use tokio::sync::watch;

/// Tells a supervised task that the service stops.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Returns once the task shall end.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn requested(&self) {
        // An error means that the service is gone, and nothing is left to wait for.
        let mut requests = self.0.clone();
        let _gone = requests.wait_for(|requested| *requested).await;
    }

    /// Whether the task shall end.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Runs the work until the service stops. None when the stop came first; the work is dropped then.
    ///
    /// # Cancel safety
    /// As safe as the work.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.requested() => None,
            done = work => Some(done),
        }
    }
}

/// The side that asks.
#[derive(Debug)]
pub(crate) struct StopRequest(watch::Sender<bool>);

impl StopRequest {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// The side that is asked.
    pub(crate) fn stop(&self) -> Stop {
        Stop(self.0.subscribe())
    }

    /// Asks every task to end.
    pub(crate) fn send(&self) {
        self.0.send_replace(true);
    }
}
