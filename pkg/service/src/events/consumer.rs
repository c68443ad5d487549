use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use underpin_errors::{Error, Health, HealthCheck, ResultExt as _};
use underpin_events::{DrainOutcome, EventHandler, SubscribeOptions, Subscription};

use super::bus::Bus;
use crate::{Component, Deadline, Stopped};

/// A subscription as traffic: made by [`Bus::consumer`].
///
/// It is drained when the service stops: handlers that run are waited for. Of a bus in memory it first takes, within half of its time,
/// what the service has written so far, since no other process delivers that. Its health is named after the subscription; while it is down the
/// service is degraded and ready.
pub struct Consumer {
    bus: Bus,
    options: SubscribeOptions,
    handler: Arc<dyn EventHandler>,
    running: Arc<StartedSubscription>,
}

/// The subscription, once traffic has started.
struct StartedSubscription {
    name: String,
    subscription: OnceLock<Arc<dyn Subscription>>,
}

impl Bus {
    /// A consumer, for [`Start::traffic`](crate::Start::traffic): it subscribes when traffic starts, and is drained when it stops.
    pub fn consumer(&self, options: SubscribeOptions, handler: impl EventHandler) -> Consumer {
        let running = StartedSubscription { name: options.name.clone(), subscription: OnceLock::new() };
        Consumer { bus: self.clone(), options, handler: Arc::new(handler), running: Arc::new(running) }
    }
}

impl Consumer {
    /// The subscription, once traffic has started: for its lag.
    pub fn subscription(&self) -> Option<Arc<dyn Subscription>> {
        self.running.subscription.get().cloned()
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").field("name", &self.running.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl Component for Consumer {
    fn name(&self) -> &str {
        &self.running.name
    }

    async fn start(&self) -> Result<(), Error> {
        let subscribed =
            self.bus.subscriber().subscribe(self.options.clone(), Arc::clone(&self.handler)).await;
        let subscription = subscribed.with_context(|| format!("subscribe {}", self.running.name))?;
        self.bus.backlog().add(Arc::clone(&subscription));
        // Started once.
        let _again = self.running.subscription.set(subscription);
        Ok(())
    }

    async fn stop(&self, deadline: Deadline) -> Stopped {
        let Some(subscription) = self.running.subscription.get() else { return Stopped::Clean };
        if self.bus.is_embedded() {
            // What is left in the end waits in the outbox and in the journal.
            let _late = deadline.at_most(deadline.left() / 2).run(self.bus.backlog().cleared()).await;
        }
        match subscription.drain(deadline.left()).await {
            DrainOutcome::TimedOut { cancelled } => Stopped::cut(format!("{cancelled} events in flight")),
            _ => Stopped::Clean,
        }
    }

    fn health(&self) -> Option<Arc<dyn HealthCheck>> {
        Some(Arc::clone(&self.running) as Arc<dyn HealthCheck>)
    }

    fn is_required(&self) -> bool {
        false
    }

    fn follows_traffic(&self) -> bool {
        self.bus.is_embedded()
    }
}

#[async_trait]
impl HealthCheck for StartedSubscription {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> Health {
        match self.subscription.get() {
            Some(subscription) => subscription.check().await,
            None => Health::down("not started"),
        }
    }
}
