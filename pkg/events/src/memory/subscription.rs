use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use underpin_errors::{Health, HealthCheck};

use super::durable::Durable;
use super::message::MemoryMessage;
use super::shared::BusInner;
use super::state::Fetched;
use crate::pipeline::{self, Control, Dispatcher, Limits, Processor, too_many_wait};
use crate::{DrainOutcome, EventHandler, EventsError, Lag, Order, SubscribeOptions, Subscription};

/// A subscription of the in-memory bus. Its tasks end with it.
pub(super) struct MemorySubscription {
    bus: Arc<BusInner>,
    name: Arc<str>,
    control: Control,
    limits: Arc<Limits>,
}

impl MemorySubscription {
    pub(super) fn start(
        bus: Arc<BusInner>,
        options: SubscribeOptions,
        handler: Arc<dyn EventHandler>,
        wake: Arc<Notify>,
    ) -> Self {
        let name: Arc<str> = options.name.as_str().into();
        let processor = Processor::new(options, handler, Arc::clone(&bus.log));
        let (control, limits) = (processor.control.clone(), Arc::clone(&processor.limits));
        tokio::spawn(supervise(Arc::clone(&bus), Arc::clone(&name), processor, wake));
        Self { bus, name, control, limits }
    }
}

/// Feeds the workers until the subscription is stopped, then waits for them.
async fn supervise(bus: Arc<BusInner>, name: Arc<str>, processor: Arc<Processor>, wake: Arc<Notify>) {
    // Runs even when the runtime drops this task: the name must not count as running for ever.
    let _membership =
        Membership { bus: Arc::clone(&bus), name: Arc::clone(&name), control: processor.control.clone() };
    let strict = processor.options.order == Order::Strict;
    let (dispatcher, workers) = pipeline::start(&processor);
    tokio::select! {
        () = feed(&bus, &name, &dispatcher, &wake, strict) => {}
        () = processor.control.stop.cancelled() => {}
    }
    drop(dispatcher);
    workers.finish().await;
}

async fn feed(
    bus: &Arc<BusInner>,
    name: &Arc<str>,
    dispatcher: &Dispatcher<MemoryMessage>,
    wake: &Notify,
    strict: bool,
) {
    loop {
        let mut permits = dispatcher.acquire(256).await;
        let Fetched { messages, due } = bus.state().fetch(name, permits.len());
        if messages.is_empty() {
            drop(permits);
            wait(wake, due).await;
            continue;
        }
        if messages.len() == permits.len() {
            // There may be more: another subscription of this name may have room for it.
            wake.notify_one();
        }
        for (sequence, event, attempt) in messages {
            let (bus, subscription) = (Arc::clone(bus), Arc::clone(name));
            dispatcher.dispatch(
                &mut permits,
                MemoryMessage { bus, subscription, sequence, attempt, event, strict, completed: false },
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
    bus: Arc<BusInner>,
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
        if self.control.closed.is_cancelled() {
            return Health::down("closed");
        }
        let full = self
            .bus
            .state()
            .durables
            .get(&self.name)
            .filter(|durable| durable.is_full())
            .map(Durable::unacknowledged);
        match full {
            // With strict order one event at a time is all there ever is.
            Some(events) if events > 1 => too_many_wait(events),
            _ => self.limits.health(),
        }
    }
}

impl Drop for MemorySubscription {
    fn drop(&mut self) {
        self.control.abort();
    }
}
