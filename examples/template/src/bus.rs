use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use underpin_errors::{Error, HealthCheck, ResultExt as _};
use underpin_events::jetstream::JetStream;
use underpin_events::memory::{JournalSettings, MemoryBus, MemorySettings};
use underpin_events::{EventPublisher, EventSubscriber};
use underpin_logger::{Context, Logger, warn};

use crate::settings::Settings;
use crate::store;

/// NATS JetStream if servers are configured, otherwise an in-memory bus with a journal beside the SQLite file.
pub(crate) enum Bus {
    Nats(JetStream),
    Memory(MemoryBus),
}

impl Bus {
    pub(crate) async fn open(settings: &Settings, log: &Arc<dyn Logger>) -> Result<Self, Error> {
        if settings.events.servers.is_empty() {
            let mut memory = MemorySettings::default();
            memory.journal = journal(settings.database.url.expose()).map(JournalSettings::new);
            let bus = MemoryBus::with_settings(memory, Arc::clone(log)).context("open the bus in memory")?;
            return Ok(Self::Memory(bus));
        }
        let bus = JetStream::connect(&settings.events, Arc::clone(log)).await;
        Ok(Self::Nats(bus.context("connect to NATS (see NATS_URL)")?))
    }

    /// True for the in-memory bus: only this process delivers its events.
    pub(crate) fn is_embedded(&self) -> bool {
        matches!(self, Self::Memory(_))
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

/// With the journal a crash loses no event. Only a database in memory has a bus without one.
fn journal(database: &str) -> Option<PathBuf> {
    if !database.starts_with("sqlite:") {
        return Some("service.events".into());
    }
    let mut path = store::sqlite_file(database)?.into_os_string();
    path.push(".events");
    Some(path.into())
}
