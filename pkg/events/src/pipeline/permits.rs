use tokio::sync::OwnedSemaphorePermit;

/// A permit for one in-flight message. None for a message that the backend delivered unasked.
pub(crate) type InFlightPermit = Option<OwnedSemaphorePermit>;

/// Permits for messages that were requested and have not arrived. Dropped, they are free again.
pub(crate) struct InFlightPermits(Option<OwnedSemaphorePermit>);

impl InFlightPermits {
    pub(super) fn new(permits: OwnedSemaphorePermit) -> Self {
        Self(Some(permits))
    }

    /// No permits: for messages that arrive unasked.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Takes the permit of one message, if one is left.
    pub(super) fn take_one(&mut self) -> InFlightPermit {
        self.0.as_mut().and_then(|permits| permits.split(1))
    }

    /// Adds those of another request.
    #[cfg(feature = "jetstream")]
    pub(crate) fn merge(&mut self, other: Self) {
        match (&mut self.0, other.0) {
            (Some(permits), Some(other)) => permits.merge(other),
            (none @ None, other) => *none = other,
            (Some(_), None) => {}
        }
    }

    /// Frees that many of them, or all.
    #[cfg(feature = "jetstream")]
    pub(crate) fn release(&mut self, count: usize) {
        let count = count.min(self.len());
        drop(self.0.as_mut().and_then(|permits| permits.split(count)));
    }

    /// Frees one: what arrived is no message to handle.
    #[cfg(feature = "jetstream")]
    pub(crate) fn release_one(&mut self) {
        drop(self.take_one());
    }

    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }
}
