use std::io;

use async_trait::async_trait;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use super::signal::{Signal, Signals};

/// SIGINT and SIGTERM of the process, registered once: a signal between two calls of [`next`](Signals::next) is kept. As PID 1 this is what
/// makes SIGTERM work at all.
#[derive(Debug)]
pub(crate) struct OsSignals {
    interrupt: Stream,
    terminate: Stream,
}

impl OsSignals {
    /// Registers on the runtime of the caller.
    pub(crate) fn register() -> io::Result<Self> {
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
