use underpin_database::wake::WakeSignal;

/// The wake-ups that the clones of one outbox share with the relays of this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct OutboxSignals {
    /// There may be events to publish.
    pub(crate) work: WakeSignal,
    /// A relay has released partitions.
    pub(crate) partitions: WakeSignal,
}
