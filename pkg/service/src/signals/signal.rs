use async_trait::async_trait;

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
pub(crate) trait Signals: Send {
    /// The next signal.
    ///
    /// # Cancel safety
    /// Must be safe: no signal may be lost when the future is dropped.
    async fn next(&mut self) -> Signal;
}

const _: fn(&dyn Signals) = |_| ();
