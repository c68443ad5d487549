use std::sync::Arc;

use tokio::sync::watch;

/// Wakes every listener of this process. Cheap to clone; clones share their listeners.
///
/// A listener that does not wait at the moment of a signal gets it at its next wait. Signals that come in between count as
/// one.
#[derive(Debug, Clone)]
pub struct WakeSignal(Arc<watch::Sender<()>>);

impl WakeSignal {
    /// Wakes the listeners.
    pub fn notify(&self) {
        self.0.send_replace(());
    }

    /// A listener for the signals from now on.
    pub fn listen(&self) -> WakeListener {
        WakeListener(self.0.subscribe())
    }
}

impl Default for WakeSignal {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(())))
    }
}

/// The receiving end of a [`WakeSignal`].
#[derive(Debug)]
pub struct WakeListener(watch::Receiver<()>);

impl WakeListener {
    /// Waits for the next signal. Never returns once every clone of the signal is gone.
    ///
    /// # Cancel safety
    /// Cancel-safe: no signal is lost.
    pub async fn notified(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_signal_reaches_a_listener_that_waits_later() {
        let signal = WakeSignal::default();
        signal.notify();
        let mut listener = signal.listen();
        assert!(listener.notified().now_or_never().is_none(), "it came before the listener did");
        signal.clone().notify();
        signal.notify();
        assert!(listener.notified().now_or_never().is_some());
        assert!(listener.notified().now_or_never().is_none(), "two signals count as one");
        drop(signal);
        assert!(listener.notified().now_or_never().is_none());
    }
}
