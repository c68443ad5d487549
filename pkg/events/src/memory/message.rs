use std::sync::Arc;
use std::time::Duration;

use super::bus::Inner;
use super::state::State;
use crate::deadline;
use crate::pipeline::{Inbound, Slot};
use crate::{Event, InvalidEvent};

/// One delivery of the in-memory bus. Dropped unsettled, it is given back.
pub(super) struct MemoryMessage {
    pub(super) bus: Arc<Inner>,
    pub(super) subscription: Arc<str>,
    pub(super) sequence: u64,
    pub(super) attempt: u32,
    pub(super) event: Arc<Event>,
    /// The next event waits for this one.
    pub(super) strict: bool,
    pub(super) settled: bool,
}

impl MemoryMessage {
    fn settle<T>(mut self, change: impl FnOnce(&mut State, &str, u64) -> T) -> T {
        self.settled = true;
        change(&mut self.bus.state(), &self.subscription, self.sequence)
    }
}

impl Inbound for MemoryMessage {
    const PUTS_ASIDE_AT_ONCE: bool = true;

    fn decode(&self) -> Result<Arc<Event>, InvalidEvent> {
        Ok(Arc::clone(&self.event))
    }

    fn attempt(&self) -> u32 {
        self.attempt
    }

    fn sequence(&self) -> u64 {
        self.sequence
    }

    async fn ack(mut self, _slot: Slot) {
        self.settled = true;
        self.bus.settle(&self.subscription, self.sequence, self.strict);
    }

    async fn retry(self, after: Duration) {
        self.settle(|state, name, sequence| state.retry(name, sequence, deadline::after(after)));
    }

    async fn dead_letter(self, reason: String, attempts: u32, _slot: Slot) {
        let (bus, event) = (Arc::clone(&self.bus), Arc::clone(&self.event));
        let most = bus.settings.max_dead_letters;
        let gone = self
            .settle(|state, name, sequence| state.put_aside(name, sequence, &event, reason, attempts, most));
        bus.note_letters_dropped(gone);
    }

    async fn release(self) {
        drop(self);
    }
}

impl Drop for MemoryMessage {
    fn drop(&mut self) {
        if !self.settled {
            self.bus.state().release(&self.subscription, self.sequence);
        }
    }
}
