use std::{sync::Arc, time::Duration};

use super::shared::BusInner;
use super::state::BusState;
use crate::deadline;
use crate::pipeline::{InFlightPermit, Inbound};
use crate::{Event, InvalidEventError};

/// One delivery of the in-memory bus. Dropped before its end, it is given back.
pub(super) struct MemoryMessage {
    pub(super) bus: Arc<BusInner>,
    pub(super) subscription: Arc<str>,
    pub(super) sequence: u64,
    pub(super) attempt: u32,
    pub(super) event: Arc<Event>,
    /// The next event waits for this one.
    pub(super) strict: bool,
    pub(super) completed: bool,
}

impl MemoryMessage {
    /// Ends the delivery by this change of the state.
    fn complete<T>(mut self, change: impl FnOnce(&mut BusState, &str, u64) -> T) -> T {
        self.completed = true;
        change(&mut self.bus.state(), &self.subscription, self.sequence)
    }
}

impl Inbound for MemoryMessage {
    const DEAD_LETTERS_SYNCHRONOUSLY: bool = true;

    fn decode(&self) -> Result<Arc<Event>, InvalidEventError> {
        Ok(Arc::clone(&self.event))
    }

    fn attempt(&self) -> u32 {
        self.attempt
    }

    fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The event is in the log anyway.
    fn size(&self) -> usize {
        0
    }

    async fn ack(mut self, _permit: InFlightPermit) {
        self.completed = true;
        self.bus.acknowledge(&self.subscription, self.sequence, self.strict);
    }

    async fn retry(self, after: Duration) {
        self.complete(|state, name, sequence| state.retry(name, sequence, deadline::after(after)));
    }

    async fn dead_letter(self, reason: String, attempts: u32, _permit: InFlightPermit) {
        let (bus, event) = (Arc::clone(&self.bus), Arc::clone(&self.event));
        let most = bus.settings.max_dead_letters;
        let dropped = self.complete(|state, name, sequence| {
            state.dead_letter(name, sequence, &event, reason, attempts, most)
        });
        bus.record_dropped_dead_letters(dropped);
    }

    async fn release(self) {
        drop(self);
    }
}

impl Drop for MemoryMessage {
    fn drop(&mut self) {
        if !self.completed {
            self.bus.state().release(&self.subscription, self.sequence);
        }
    }
}
