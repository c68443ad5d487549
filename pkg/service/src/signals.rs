use std::io;

use async_trait::async_trait;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::mpsc;

/// A signal that asks the service to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: Ctrl-C. Skips the drain grace.
    Interrupt,
    /// SIGTERM: an orchestrator.
    Terminate,
}

impl Signal {
    /// 128 and the number of the signal: how a process ends that did not stop in order.
    pub(crate) const fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }
}

/// Where signals come from: the process, or a test.
#[async_trait]
pub trait Signals: Send {
    /// The next signal.
    ///
    /// # Cancel safety
    /// Must be safe: no signal may be lost when the future is dropped.
    async fn next(&mut self) -> Signal;
}

const _: fn(&dyn Signals) = |_| ();

/// The signals of the process, registered once: a signal between two calls of [`next`](Signals::next) is kept.
#[derive(Debug)]
pub struct OsSignals {
    interrupt: Stream,
    terminate: Stream,
}

impl OsSignals {
    /// Registers for SIGINT and SIGTERM. As PID 1 this is what makes SIGTERM work at all.
    ///
    /// # Errors
    /// When the operating system refuses.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn register() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }
}

#[async_trait]
impl Signals for OsSignals {
    async fn next(&mut self) -> Signal {
        tokio::select! {
            Some(()) = self.interrupt.recv() => Signal::Interrupt,
            Some(()) = self.terminate.recv() => Signal::Terminate,
            else => std::future::pending().await,
        }
    }
}

/// Signals that a test sends.
#[derive(Debug)]
pub struct ManualSignals(mpsc::UnboundedReceiver<Signal>);

impl ManualSignals {
    /// A sender and the signals that it sends.
    pub fn new() -> (mpsc::UnboundedSender<Signal>, Self) {
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
