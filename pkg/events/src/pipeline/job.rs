use std::sync::Arc;

use super::inbound::Inbound;
use super::limits::{Counted, Limits};
use super::permits::InFlightPermit;
use super::worker_queue::Parkable;
use crate::{Event, InvalidEventError};

/// A message that waits for a worker. Its permit is free again when the job ends, however it ends.
pub(super) struct Job<M> {
    pub(super) message: M,
    pub(super) event: Option<Result<Arc<Event>, InvalidEventError>>,
    pub(super) permit: InFlightPermit,
    pub(super) refused: Option<Counted>,
}

impl<M: Inbound> Parkable for Job<M> {
    fn park(&mut self, limits: &Limits) {
        self.refused = limits.park(&mut self.permit, self.message.size());
    }
}
