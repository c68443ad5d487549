//! What happens to a message between its arrival and its end, the same for every backend:
//! decode, handler under a time limit, then ack, retry or dead letter.
//!
//! A backend pushes messages into the [`Intake`]; workers take them from its lanes. Messages are [`Inbound`]: they know
//! how to be confirmed, given back and put aside.

mod control;
mod intake;
mod lane;
mod meters;
mod worker;

pub(crate) use control::Control;
pub(crate) use intake::Intake;
#[cfg(feature = "jetstream")]
pub(crate) use intake::Slots;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;
use underpin_logger::Logger;

use crate::{Event, EventHandler, InvalidEvent, SubscribeOptions};

/// The right to have one message in this process. Dropped, it lets the next one in.
pub(crate) type Slot = Option<OwnedSemaphorePermit>;

/// A message of a backend. It is settled by exactly one of the four calls; one that is dropped without is delivered again.
pub(crate) trait Inbound: Send + Sync + 'static {
    /// Whether putting a message aside takes no time. If it does, workers do not wait for it.
    const PUTS_ASIDE_AT_ONCE: bool;
    /// The event, or why it is none.
    fn decode(&self) -> Result<Arc<Event>, InvalidEvent>;
    /// Which delivery this is, from 1.
    fn attempt(&self) -> u32;
    /// The position in the stream.
    fn sequence(&self) -> u64;
    /// Done. Workers wait for this: a confirmation is awaited elsewhere. The slot may be given up before it comes, when it
    /// is long in coming.
    fn ack(self, slot: Slot) -> impl Future<Output = ()> + Send;
    /// Deliver again, not before `after` has passed.
    fn retry(self, after: Duration) -> impl Future<Output = ()> + Send;
    /// Put aside.
    fn dead_letter(self, reason: String, attempts: u32, slot: Slot) -> impl Future<Output = ()> + Send;
    /// Give back what was never handled to its end.
    fn release(self) -> impl Future<Output = ()> + Send;
}

/// What all workers of a subscription share.
pub(crate) struct Shared {
    pub(crate) options: SubscribeOptions,
    pub(crate) handler: Arc<dyn EventHandler>,
    pub(crate) log: Arc<dyn Logger>,
    pub(crate) control: Control,
    /// Settlements under way.
    settling: TaskTracker,
    meters: meters::Meters,
}

impl Shared {
    pub(crate) fn new(
        options: SubscribeOptions,
        handler: Arc<dyn EventHandler>,
        log: Arc<dyn Logger>,
    ) -> Arc<Self> {
        let meters = meters::Meters::new(&options.name);
        Arc::new(Self {
            options,
            handler,
            log,
            control: Control::default(),
            settling: TaskTracker::new(),
            meters,
        })
    }
}

/// Starts the workers. They end when the intake is dropped and its messages are dealt with.
pub(crate) fn start<M: Inbound>(shared: &Arc<Shared>) -> (Intake<M>, Workers) {
    let (intake, lanes) = Intake::new(&shared.options);
    let mut tasks = JoinSet::new();
    for lane in lanes {
        tasks.spawn(worker::run(Arc::clone(shared), lane));
    }
    (intake, Workers { tasks, settling: shared.settling.clone() })
}

/// The tasks of a subscription.
pub(crate) struct Workers {
    tasks: JoinSet<()>,
    settling: TaskTracker,
}

impl Workers {
    /// Waits for the handlers that run, and until everything they answered is settled.
    pub(crate) async fn finish(mut self) {
        while self.tasks.join_next().await.is_some() {}
        self.settling.close();
        self.settling.wait().await;
    }
}
