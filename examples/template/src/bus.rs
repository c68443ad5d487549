use std::sync::Arc;
use std::time::Duration;

use underpin_errors::{Error, HealthCheck, ResultExt as _};
use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_events::memory::{MemoryBus, MemorySettings};
use underpin_events::{EventPublisher, EventSubscriber};
use underpin_logger::{Context, Logger, warn};

/// NATS JetStream where servers are named, otherwise the memory of this process.
pub(crate) enum Bus {
    Nats(JetStream),
    Memory(MemoryBus),
}

impl Bus {
    pub(crate) async fn open(settings: &JetStreamSettings, log: &Arc<dyn Logger>) -> Result<Self, Error> {
        if settings.servers.is_empty() {
            return Ok(Self::Memory(MemoryBus::with_settings(MemorySettings::default(), Arc::clone(log))?));
        }
        let bus = JetStream::connect(settings, Arc::clone(log)).await;
        Ok(Self::Nats(bus.context("connect to NATS (see NATS_URL)")?))
    }

    pub(crate) fn publisher(&self) -> Arc<dyn EventPublisher> {
        match self {
            Self::Nats(bus) => Arc::new(bus.clone()),
            Self::Memory(bus) => Arc::new(bus.clone()),
        }
    }

    pub(crate) fn subscriber(&self) -> Arc<dyn EventSubscriber> {
        match self {
            Self::Nats(bus) => Arc::new(bus.clone()),
            Self::Memory(bus) => Arc::new(bus.clone()),
        }
    }

    pub(crate) fn health(&self) -> Arc<dyn HealthCheck> {
        match self {
            Self::Nats(bus) => Arc::new(bus.clone()),
            Self::Memory(bus) => Arc::new(bus.clone()),
        }
    }

    pub(crate) async fn close(&self, within: Duration, log: &Arc<dyn Logger>) {
        match self {
            Self::Memory(bus) => bus.close(),
            Self::Nats(bus) => {
                if let Err(error) = bus.close(within).await {
                    warn!(log, &Context::background(), &error, "the bus was not closed in order");
                }
            }
        }
    }
}
