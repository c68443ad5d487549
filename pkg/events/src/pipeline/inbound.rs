use std::future::Future;
use std::{sync::Arc, time::Duration};

use super::permits::InFlightPermit;
use crate::{Event, InvalidEventError};

/// A message of a backend. Exactly one of the last four calls ends it; one that is dropped instead is delivered again.
pub(crate) trait Inbound: Send + Sync + 'static {
    /// Whether [`dead_letter`](Self::dead_letter) finishes without waiting. If it does not, workers do not wait for it.
    const DEAD_LETTERS_SYNCHRONOUSLY: bool;
    /// The event, or why the message holds none.
    fn decode(&self) -> Result<Arc<Event>, InvalidEventError>;
    /// Which delivery this is, from 1.
    fn attempt(&self) -> u32;
    /// The position in the stream.
    fn sequence(&self) -> u64;
    /// How many bytes it keeps in memory.
    fn size(&self) -> usize;
    /// Acknowledges the message. Workers wait for this call: a backend awaits confirmations elsewhere. It may drop the permit
    /// before a confirmation that takes long.
    fn ack(self, permit: InFlightPermit) -> impl Future<Output = ()> + Send;
    /// Asks for another delivery, not before `after` has passed.
    fn retry(self, after: Duration) -> impl Future<Output = ()> + Send;
    /// Moves the message to the dead letters.
    fn dead_letter(
        self,
        reason: String,
        attempts: u32,
        permit: InFlightPermit,
    ) -> impl Future<Output = ()> + Send;
    /// Gives back a message whose handler did not finish: the delivery does not count.
    fn release(self) -> impl Future<Output = ()> + Send;
}
