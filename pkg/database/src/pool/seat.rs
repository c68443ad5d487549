use std::{sync::Arc, time::Instant};

use super::{
    core::Core,
    janitor::{Chore, Job},
    slot::Slot,
};

/// The right to one connection. Dropping it lets the next caller in.
pub(crate) struct Seat(Arc<Core>);

impl Seat {
    pub(super) fn new(core: &Arc<Core>, permit: tokio::sync::SemaphorePermit<'_>) -> Self {
        permit.forget();
        Self(Arc::clone(core))
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.0
    }

    /// `now` where the caller has just read the clock.
    pub(super) fn give_back(self, slot: Slot, now: Option<Instant>) {
        self.0.put_idle(slot, now.unwrap_or_else(Instant::now));
    }

    /// The seat stays taken until the janitor is done: what the server still works on counts.
    pub(super) fn hand_to_janitor(self, slot: Slot, chore: Chore) {
        let janitor = self.0.janitor.clone();
        drop(janitor.send(Job::new(slot, Some(self), chore)));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.seats.add_permits(1);
    }
}
