use async_trait::async_trait;
use tokio::sync::mpsc;

use super::signal::{Signal, Signals};

/// Signals that a test sends.
#[derive(Debug)]
pub(crate) struct ManualSignals(mpsc::UnboundedReceiver<Signal>);

impl ManualSignals {
    /// A sender and the signals that it sends.
    pub(crate) fn new() -> (mpsc::UnboundedSender<Signal>, Self) {
        let (send, receive) = mpsc::unbounded_channel();
        (send, Self(receive))
    }
}

#[async_trait]
impl Signals for ManualSignals {
    async fn next(&mut self) -> Signal {
        match self.0.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }
}
