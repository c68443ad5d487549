//! The event bus: NATS JetStream if servers are configured, otherwise an in-memory bus with a journal.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use underpin_errors::{Error, HealthCheck, Kind, ResultExt as _};
use underpin_events::jetstream::JetStream;
use underpin_events::memory::{JournalSettings, MemoryBus, MemorySettings};
use underpin_events::{EventPublisher, EventSubscriber};
use underpin_logger::{Context, Logger, warn};

use crate::settings::Settings;
use crate::store;

/// One bus in the roles that the parts of the service need.
pub(crate) struct Bus {
    pub(crate) publisher: Arc<dyn EventPublisher>,
    pub(crate) subscriber: Arc<dyn EventSubscriber>,
    pub(crate) health: Arc<dyn HealthCheck>,
    backend: Backend,
}

enum Backend {
    Nats(JetStream),
    Memory(MemoryBus),
}

impl Bus {
    /// Connects to the configured servers, or opens the in-memory bus if there are none.
    ///
    /// # Errors
    /// The servers are unreachable, or the journal cannot be opened.
    pub(crate) async fn open(settings: &Settings, log: &Arc<dyn Logger>) -> Result<Self, Error> {
        if settings.events.servers.is_empty() {
            let mut memory = MemorySettings::default();
            if let Some(path) = journal(settings) {
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder)
                        .wrap_err(Kind::Internal, "create the folder of the journal")?;
                }
                memory.journal = Some(JournalSettings::new(path));
            }
            let bus = MemoryBus::with_settings(memory, Arc::clone(log)).context("open the bus in memory")?;
            return Ok(Self::of(bus.clone(), Backend::Memory(bus)));
        }
        let bus = JetStream::connect(&settings.events, Arc::clone(log)).await;
        let bus = bus.context("connect to NATS (see NATS_URL)")?;
        Ok(Self::of(bus.clone(), Backend::Nats(bus)))
    }

    fn of<B: EventPublisher + EventSubscriber + HealthCheck + Clone>(bus: B, backend: Backend) -> Self {
        Self {
            publisher: Arc::new(bus.clone()),
            subscriber: Arc::new(bus.clone()),
            health: Arc::new(bus),
            backend,
        }
    }

    /// The name of the backend, for the log.
    pub(crate) fn name(&self) -> &'static str {
        match self.backend {
            Backend::Nats(_) => "jetstream",
            Backend::Memory(_) => "memory",
        }
    }

    /// True for the in-memory bus: only this process delivers its events.
    pub(crate) fn is_embedded(&self) -> bool {
        matches!(self.backend, Backend::Memory(_))
    }

    /// Closes the connection, or the in-memory bus.
    pub(crate) async fn close(&self, within: Duration, log: &Arc<dyn Logger>) {
        match &self.backend {
            Backend::Memory(bus) => bus.close(),
            Backend::Nats(bus) => {
                if let Err(error) = bus.close(within).await {
                    warn!(log, &Context::background(), &error, "the bus was not closed in order");
                }
            }
        }
    }
}

/// The journal of the in-memory bus: beside the SQLite file, so that a crash loses no event. A database in memory has none.
pub(crate) fn journal(settings: &Settings) -> Option<PathBuf> {
    let url = settings.database.url.expose();
    if !url.starts_with("sqlite:") {
        return Some(PathBuf::from("data/orders.events"));
    }
    let mut path = store::sqlite_file(url)?.into_os_string();
    path.push(".events");
    Some(path.into())
}

#[cfg(test)]
mod tests {
    use underpin_database::DatabaseSettings;

    use super::*;

    #[test]
    fn only_a_database_in_memory_has_a_bus_without_a_journal() {
        let journal = |url: &str| {
            let settings = Settings { database: DatabaseSettings::new(url), ..Settings::default() };
            journal(&settings).map(|path| path.display().to_string())
        };
        assert_eq!(journal("sqlite:data/orders.db").as_deref(), Some("data/orders.db.events"));
        assert_eq!(
            journal("sqlite:///var/lib/orders.db?mode=rwc").as_deref(),
            Some("/var/lib/orders.db.events")
        );
        assert_eq!(journal("postgres://localhost/orders").as_deref(), Some("data/orders.events"));
        assert_eq!(journal("sqlite::memory:"), None);
    }
}
