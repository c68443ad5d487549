use std::time::Duration;

use underpin_events::Backoff;

use super::low_water::LowWaterMarks;
use super::outcome::BatchOutcome;

/// What a worker has to do over.
#[derive(Debug)]
pub(super) struct Retry {
    backoff: Backoff,
    /// Poll cycles that failed since the last success.
    failures: u32,
    /// The pause after a failed poll cycle has not ended.
    is_pausing: bool,
    /// An outcome that the database did not take yet. It is written before anything else is published.
    incomplete: Option<(BatchOutcome, LowWaterMarks)>,
    /// Held rows met an outage, and nothing was confirmed since.
    is_held_up: bool,
}

impl Retry {
    pub(super) fn new(backoff: Backoff) -> Self {
        Self { backoff, failures: 0, is_pausing: false, incomplete: None, is_held_up: false }
    }

    /// Whether the last poll cycle failed: nothing but time ends the pause.
    pub(super) fn is_pausing(&self) -> bool {
        self.is_pausing
    }

    pub(super) fn pause_ended(&mut self) {
        self.is_pausing = false;
    }

    /// Whether health must still report an outage.
    pub(super) fn is_held_up(&self) -> bool {
        self.is_held_up
    }

    pub(super) fn set_held_up(&mut self, is_held_up: bool) {
        self.is_held_up = is_held_up;
    }

    /// A poll cycle failed: the pause before the next.
    pub(super) fn failed(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.is_pausing = true;
        self.backoff.delay(self.failures)
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    pub(super) fn keep(&mut self, outcome: BatchOutcome, marks: LowWaterMarks) {
        self.incomplete = Some((outcome, marks));
    }

    pub(super) fn take_incomplete(&mut self) -> Option<(BatchOutcome, LowWaterMarks)> {
        self.incomplete.take()
    }
}
