use std::sync::Arc;
use std::time::Duration;

use super::bus::Inner;
use super::durable::Durable;
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
    pub(super) settled: bool,
}

impl MemoryMessage {
    fn settle(mut self, change: impl FnOnce(&mut Durable, u64)) {
        self.settled = true;
        self.change(change);
    }

    fn change(&self, change: impl FnOnce(&mut Durable, u64)) {
        let mut state = self.bus.state();
        if let Some(durable) = state.durables.get_mut(&self.subscription) {
            change(durable, self.sequence);
            durable.wake.notify_one();
        }
    }
}

impl Inbound for MemoryMessage {
    const SETTLES_AT_ONCE: bool = true;

    fn decode(&self) -> Result<Arc<Event>, InvalidEvent> {
        Ok(Arc::clone(&self.event))
    }

    fn attempt(&self) -> u32 {
        self.attempt
    }

    fn sequence(&self) -> u64 {
        self.sequence
    }

    async fn ack(self, _slot: Slot) {
        self.settle(|durable, sequence| {
            durable.settle(sequence);
        });
    }

    async fn retry(self, after: Duration) {
        self.settle(|durable, sequence| durable.retry(sequence, deadline::after(after)));
    }

    async fn dead_letter(mut self, reason: String, attempts: u32, _slot: Slot) {
        self.settled = true;
        let mut state = self.bus.state();
        let known = state.durables.get_mut(&self.subscription).is_some_and(|durable| {
            durable.wake.notify_one();
            durable.settle(self.sequence)
        });
        if known {
            state.put_aside(&self.subscription, self.sequence, &self.event, reason, attempts);
        }
    }

    async fn release(self) {
        drop(self);
    }
}

impl Drop for MemoryMessage {
    fn drop(&mut self) {
        if !self.settled {
            self.change(Durable::release);
        }
    }
}
