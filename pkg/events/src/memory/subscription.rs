use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use underpin_errors::{Health, HealthCheck};

use super::bus::Inner;
use super::message::MemoryMessage;
use super::state::Fetched;
use crate::pipeline::{self, Control, Intake, Shared};
use crate::{DrainOutcome, EventHandler, EventsError, Lag, Order, SubscribeOptions, Subscription};

/// A subscription of the in-memory bus. Its tasks end with it.
pub(super) struct MemorySubscription {
    bus: Arc<Inner>,
    name: Arc<str>,
    control: Control,
}

impl MemorySubscription {
    pub(super) fn start(
        bus: Arc<Inner>,
        options: SubscribeOptions,
        handler: Arc<dyn EventHandler>,
        wake: Arc<Notify>,
    ) -> Self {
        let name: Arc<str> = options.name.as_str().into();
        let shared = Shared::new(options, handler, Arc::clone(&bus.log));
        let control = shared.control.clone();
        tokio::spawn(supervise(Arc::clone(&bus), Arc::clone(&name), shared, wake));
        Self { bus, name, control }
    }
}

/// Feeds the workers until the subscription is stopped, then waits for them.
async fn supervise(bus: Arc<Inner>, name: Arc<str>, shared: Arc<Shared>, wake: Arc<Notify>) {
    // Runs even when the runtime drops this task: the name must not count as running for ever.
    let _membership =
        Membership { bus: Arc::clone(&bus), name: Arc::clone(&name), control: shared.control.clone() };
    let strict = shared.options.order == Order::Strict;
    let (intake, workers) = pipeline::start(&shared);
    tokio::select! {
        () = feed(&bus, &name, &intake, &wake, strict) => {}
        () = shared.control.stop.cancelled() => {}
    }
    drop(intake);
    workers.finish().await;
}

async fn feed(
    bus: &Arc<Inner>,
    name: &Arc<str>,
    intake: &Intake<MemoryMessage>,
    wake: &Notify,
    strict: bool,
) {
    loop {
        let mut slots = intake.slots(256).await;
        let Fetched { messages, due } = bus.state().fetch(name, slots.len());
        if messages.is_empty() {
            drop(slots);
            wait(wake, due).await;
            continue;
        }
        if messages.len() == slots.len() {
            // There may be more: another subscription of this name may have room for it.
            wake.notify_one();
        }
        for (sequence, event, attempt) in messages {
            let (bus, subscription) = (Arc::clone(bus), Arc::clone(name));
            intake.push(
                &mut slots,
                MemoryMessage { bus, subscription, sequence, attempt, event, strict, settled: false },
            );
        }
    }
}

/// Waits for a change or for the next delayed message. A notification sent before the wait is not lost.
async fn wait(wake: &Notify, due: Option<Instant>) {
    match due {
        Some(due) => tokio::select! {
            () = wake.notified() => {}
            () = sleep_until(due) => {}
        },
        None => wake.notified().await,
    }
}

struct Membership {
    bus: Arc<Inner>,
    name: Arc<str>,
    control: Control,
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Some(durable) = self.bus.state().durables.get_mut(&self.name) {
            durable.members = durable.members.saturating_sub(1);
            durable.wake.notify_one();
        }
        self.control.closed.cancel();
    }
}

#[async_trait]
impl Subscription for MemorySubscription {
    async fn lag(&self) -> Result<Lag, EventsError> {
        let state = self.bus.state();
        let durable = state.durables.get(&self.name).ok_or(EventsError::Closed)?;
        Ok(durable.lag(&self.name, state.events_from(durable.cursor())))
    }

    async fn drain(&self, within: Duration) -> DrainOutcome {
        self.control.drain(within).await
    }

    async fn closed(&self) {
        self.control.closed.cancelled().await;
    }
}

#[async_trait]
impl HealthCheck for MemorySubscription {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> Health {
        if self.control.closed.is_cancelled() { Health::down("closed") } else { Health::up() }
    }
}

impl Drop for MemorySubscription {
    fn drop(&mut self) {
        self.control.abort();
    }
}
