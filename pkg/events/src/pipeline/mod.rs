//! The flow of a message from its arrival to its acknowledgement, the same for every backend.
//!
//! 1. A backend [acquires](Dispatcher::acquire) in-flight permits, of which there are only so many ([`Limits`]), fetches as
//!    many messages, and [dispatches](Dispatcher::dispatch) each to a worker queue: one queue for all workers, or one queue for each group of
//!    ordering keys.
//! 2. A [worker](worker) decodes the message and calls the handler under a time limit.
//! 3. The [`Outcome`](crate::Outcome) decides: [acknowledge](Inbound::ack), [redeliver](Inbound::retry) after a delay, or
//!    [dead-letter](Inbound::dead_letter). An event that waits for its next attempt in this process, and those queued behind
//!    it, give their in-flight permits back: they count against a separate limit. A message whose handler did not finish is [released](Inbound::release).
//!
//! [`Control`] stops a subscription: at a stop the workers release what waits in their queues, at a kill they cancel the
//! handlers as well.

mod call;
mod control;
mod dispatcher;
mod inbound;
mod job;
mod limits;
mod permits;
mod processor;
mod worker;
mod worker_queue;
mod workers;

pub(crate) use control::Control;
pub(crate) use dispatcher::Dispatcher;
pub(crate) use inbound::Inbound;
pub(crate) use limits::{Limits, too_many_wait};
pub(crate) use permits::InFlightPermit;
#[cfg(feature = "jetstream")]
pub(crate) use permits::InFlightPermits;
pub(crate) use processor::Processor;
pub(crate) use workers::start;
