//! What happens to a message between its arrival and its end, the same for every backend:
//! decode, handler under a time limit, then ack, retry or dead letter.
//!
//! A backend pushes messages into the [`Intake`]; workers take them from its lanes. Messages are [`Inbound`]: they know
//! how to be confirmed, given back and put aside.

mod control;
mod intake;
mod meters;
mod worker;

pub(crate) use control::Control;
pub(crate) use intake::{Intake, Slots};

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use underpin_logger::Logger;

use crate::{Event, EventHandler, InvalidEvent, SubscribeOptions};

/// A message of a backend. It is settled by exactly one of the four calls; one that is dropped without is delivered again.
pub(crate) trait Inbound: Send + Sync + 'static {
    /// The event, or why it is none.
    fn decode(&self) -> Result<Arc<Event>, InvalidEvent>;
    /// Which delivery this is, from 1.
    fn attempt(&self) -> u32;
    /// The position in the stream.
    fn sequence(&self) -> u64;
    /// Done.
    fn ack(self) -> impl Future<Output = ()> + Send;
    /// Deliver again, not before `after` has passed.
    fn retry(self, after: Duration) -> impl Future<Output = ()> + Send;
    /// Put aside.
    fn dead_letter(self, reason: String, attempts: u32) -> impl Future<Output = ()> + Send;
    /// Give back what was never handled.
    fn release(self) -> impl Future<Output = ()> + Send;
}

/// What all workers of a subscription share.
pub(crate) struct Shared {
    pub(crate) options: SubscribeOptions,
    pub(crate) handler: Arc<dyn EventHandler>,
    pub(crate) log: Arc<dyn Logger>,
    pub(crate) control: Control,
    meters: meters::Meters,
}

impl Shared {
    pub(crate) fn new(
        options: SubscribeOptions,
        handler: Arc<dyn EventHandler>,
        log: Arc<dyn Logger>,
    ) -> Arc<Self> {
        let meters = meters::Meters::new(&options.name);
        Arc::new(Self { options, handler, log, control: Control::default(), meters })
    }
}

/// Starts the workers. They end when the intake is dropped and its messages are dealt with.
pub(crate) fn start<M: Inbound>(shared: &Arc<Shared>) -> (Intake<M>, JoinSet<()>) {
    let (intake, receivers) = Intake::new(&shared.options);
    let mut workers = JoinSet::new();
    for receiver in receivers {
        workers.spawn(worker::run(Arc::clone(shared), receiver));
    }
    (intake, workers)
}
