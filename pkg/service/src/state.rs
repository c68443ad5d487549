use tokio::sync::watch;

/// Where a service is in its life. From `Draining` on it only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ServiceState {
    /// Components are opened and checked; traffic is not served yet.
    Starting,
    /// Traffic is served.
    Ready,
    /// Asked to stop; still accepting for `drain_grace`, and readiness says no.
    Draining,
    /// Traffic has stopped accepting; components are stopped.
    Stopping,
    /// Every component is stopped.
    Stopped,
}

impl ServiceState {
    /// The word in `/info` and in the answers of the probes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
}

/// The state of the service, which probes and servers read. It never goes back.
#[derive(Clone, Debug)]
pub struct Gate {
    state: watch::Sender<ServiceState>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { state: watch::Sender::new(ServiceState::Starting) }
    }

    /// The present state.
    pub fn state(&self) -> ServiceState {
        *self.state.borrow()
    }

    /// Whether the service was asked to stop. Servers then say `Connection: close`.
    pub fn is_draining(&self) -> bool {
        self.state() >= ServiceState::Draining
    }

    /// Returns once the state is this one or a later one.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn reached(&self, state: ServiceState) {
        // The sender lives as long as this handle.
        let mut states = self.state.subscribe();
        let _closed = states.wait_for(|now| *now >= state).await;
    }

    pub(crate) fn advance(&self, to: ServiceState) {
        metrics::gauge!(crate::meters::STATE).set(f64::from(to as u8));
        self.state.send_if_modified(|now| {
            let forward = to > *now;
            if forward {
                *now = to;
            }
            forward
        });
    }
}
