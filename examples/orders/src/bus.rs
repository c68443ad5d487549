//! The bus: NATS JetStream where servers are named, otherwise the memory of this process.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use underpin_errors::{Error, HealthCheck, ResultExt as _};
use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_events::memory::{MemoryBus, MemorySettings};
use underpin_events::{EventPublisher, EventSubscriber, Subscription};
use underpin_logger::{Context, Logger, warn};

/// One bus in the roles that the parts of the service need.
pub(crate) struct Bus {
    pub(crate) publisher: Arc<dyn EventPublisher>,
    pub(crate) subscriber: Arc<dyn EventSubscriber>,
    pub(crate) health: Arc<dyn HealthCheck>,
    kind: Kind,
}

enum Kind {
    Nats(JetStream),
    Memory(MemoryBus),
}

impl Bus {
    /// Connects to the servers of the settings, or makes a bus in memory when none is named.
    ///
    /// # Errors
    /// What keeps it from connecting, with the variable to look at.
    pub(crate) async fn open(settings: &JetStreamSettings, log: &Arc<dyn Logger>) -> Result<Self, Error> {
        if settings.servers.is_empty() {
            let bus = MemoryBus::with_settings(MemorySettings::default(), Arc::clone(log))?;
            return Ok(Self::of(bus.clone(), Kind::Memory(bus)));
        }
        let bus = JetStream::connect(settings, Arc::clone(log)).await;
        let bus = bus.context("connect to NATS (see NATS_URL)")?;
        Ok(Self::of(bus.clone(), Kind::Nats(bus)))
    }

    fn of<B: EventPublisher + EventSubscriber + HealthCheck + Clone>(bus: B, kind: Kind) -> Self {
        Self {
            publisher: Arc::new(bus.clone()),
            subscriber: Arc::new(bus.clone()),
            health: Arc::new(bus),
            kind,
        }
    }

    /// What it is, for the log.
    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Nats(_) => "jetstream",
            Kind::Memory(_) => "memory",
        }
    }

    /// What waits in memory is lost with the process, so the consumer may finish it first. Returns whether it did. JetStream
    /// keeps what waits.
    pub(crate) async fn catch_up(&self, consumer: &dyn Subscription, within: Duration) -> bool {
        if matches!(self.kind, Kind::Nats(_)) {
            return true;
        }
        let deadline = Instant::now() + within;
        while !consumer.lag().await.is_ok_and(|lag| lag.is_zero()) {
            if Instant::now() >= deadline {
                return false;
            }
            sleep(Duration::from_millis(5)).await;
        }
        true
    }

    /// Ends the connection, or the bus.
    pub(crate) async fn close(&self, within: Duration, log: &Arc<dyn Logger>) {
        match &self.kind {
            Kind::Memory(bus) => bus.close(),
            Kind::Nats(bus) => {
                if let Err(error) = bus.close(within).await {
                    warn!(log, &Context::background(), &error, "the bus was not closed in order");
                }
            }
        }
    }
}
