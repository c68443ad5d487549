use std::time::Duration;

/// Sends batches of one signal.
pub(super) trait Batches: Send + 'static {
    type Item: Send + Sync + 'static;

    /// Sends them once.
    fn send(&self, items: &[Self::Item]) -> impl Future<Output = Verdict> + Send;

    /// Why the last batch was not taken, for people.
    fn failure(&self) -> Option<String>;
}

/// What a collector said to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has them.
    Taken,
    /// Fewer of them at once.
    TooLarge,
    /// Later, after this long at least if it said so.
    Busy(Option<Duration>),
    /// Never.
    Refused,
}
