use std::path::Path;
use std::sync::Arc;

use underpin_errors::{Error, Kind, Report, ResultExt as _};
#[cfg(feature = "jetstream")]
use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_events::memory::{JournalSettings, MemoryBus, MemorySettings};
use underpin_logger::{Context, info};

use super::bus::{Backend, Bus};
use crate::commands::{DeadLettersCommand, Offer};
use crate::place::{Place, absolute, journal_beside};
use crate::{Opened, Opening, Plugin};

/// The operator command that works on the bus.
const DEAD_LETTERS: &str = "dead-letters";

impl Bus {
    /// JetStream where the settings name servers, otherwise the bus of [`embedded`](Self::embedded).
    #[cfg(feature = "jetstream")]
    pub fn open(settings: &JetStreamSettings) -> OpenBus {
        let jetstream = (!settings.servers.is_empty()).then(|| Box::new(settings.clone()));
        OpenBus { jetstream, memory: MemorySettings::default() }
    }

    /// The bus in memory. Open the database before it: beside a SQLite file the bus keeps a journal, `<file>.events`, so that a `kill -9` loses no
    /// event that was published; with a database in memory it keeps none. On a database server it is refused, since other machines share
    /// the database and not the bus, unless [`OpenBus::memory`] names a journal.
    pub fn embedded() -> OpenBus {
        OpenBus {
            #[cfg(feature = "jetstream")]
            jetstream: None,
            memory: MemorySettings::default(),
        }
    }
}

/// See [`Bus::open`].
#[derive(Debug)]
#[must_use = "pass it to Start::plugin"]
pub struct OpenBus {
    #[cfg(feature = "jetstream")]
    jetstream: Option<Box<JetStreamSettings>>,
    memory: MemorySettings,
}

impl OpenBus {
    /// The limits of the bus in memory, and a journal other than the one beside the database. With a separate journal the bus needs no
    /// database, and works beside a database server as long as there is one process.
    pub fn memory(mut self, settings: MemorySettings) -> Self {
        self.memory = settings;
        self
    }
}

impl Plugin for OpenBus {
    type Handle = Bus;

    async fn open(self, at: &Opening) -> Result<Opened<Bus>, Error> {
        if !at.is_serving() && !at.wants(DEAD_LETTERS) {
            // Other commands need no bus: neither a server nor the journal, which a running service holds.
            let bus = Bus::new(Backend::Memory(MemoryBus::new()));
            return Ok(Opened::new(bus.clone(), bus));
        }
        #[cfg(feature = "jetstream")]
        if let Some(settings) = &self.jetstream {
            let bus = JetStream::connect(settings, Arc::clone(&at.log)).await;
            let bus = bus.context("connect to NATS (see events.servers, NATS_URL)")?;
            at.commands.offer(Offer::new(DEAD_LETTERS, DeadLettersCommand::new(Arc::new(bus.clone()))));
            let bus = Bus::new(Backend::JetStream(bus));
            return Ok(Opened::new(bus.clone(), bus));
        }
        let bus = self.open_memory(at)?;
        Ok(Opened::new(bus.clone(), bus))
    }
}

impl OpenBus {
    fn open_memory(self, at: &Opening) -> Result<Bus, Error> {
        let mut memory = self.memory;
        if memory.journal.is_none() {
            memory.journal = journal(at.data.get())?;
        }
        let journal = memory.journal.as_ref().map(|journal| absolute(&journal.path));
        if let Some(folder) = journal.as_deref().and_then(Path::parent) {
            std::fs::create_dir_all(folder).wrap_err_with(Kind::Internal, || {
                format!("create the folder {} of the journal", folder.display())
            })?;
        }
        let name = journal.as_ref().map(|journal| journal.display().to_string());
        let resource = name.as_ref().map_or_else(|| "memory".to_owned(), |name| format!("journal:{name}"));
        let bus = match MemoryBus::with_settings(memory, Arc::clone(&at.log)) {
            Ok(bus) => bus,
            Err(error) if at.is_serving() => {
                let what = name.map_or_else(String::new, |name| format!(" with its journal {name}"));
                return Err(Error::from(error).context(format!("open the bus in memory{what}")));
            }
            Err(error) => {
                let why =
                    format!("the dead letters of the bus in memory cannot be read here: {}", Report(&error));
                at.commands.offer(Offer::elsewhere(DEAD_LETTERS, resource, why));
                return Ok(Bus::new(Backend::Memory(MemoryBus::new())));
            }
        };
        if at.is_serving() {
            info!(at.log, &Context::background(), "bus in memory opened", journal = name.as_deref());
        }
        at.commands.offer(if at.is_serving() || name.is_some() {
            Offer::new(DEAD_LETTERS, DeadLettersCommand::new(Arc::new(bus.clone()))).resource(resource)
        } else {
            let why = "the dead letters of a bus in memory are in the process of the service (see NATS_URL)";
            Offer::elsewhere(DEAD_LETTERS, resource, why)
        });
        Ok(Bus::new(Backend::Memory(bus)))
    }
}

/// Where the journal belongs that keeps every promise of this database.
fn journal(place: Option<&Place>) -> Result<Option<JournalSettings>, Error> {
    match place {
        Some(Place::File(file)) => Ok(Some(JournalSettings::new(journal_beside(file)))),
        Some(Place::Memory) => Ok(None),
        Some(Place::Server) => Err(Error::new(
            Kind::FailedPrecondition,
            "the database is on a server, and a bus in memory reaches this process only: set the servers of the bus (events.servers, NATS_URL), \
             or take SQLite for both",
        )),
        None => Err(Error::new(
            Kind::FailedPrecondition,
            "the bus in memory keeps its journal beside the SQLite file: open the database before the bus, or name a journal \
             with OpenBus::memory",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_database_in_memory_has_a_bus_without_a_journal() {
        let journal = |place| {
            journal(Some(&place)).map(|journal| journal.map(|journal| journal.path.display().to_string()))
        };
        assert_eq!(
            journal(Place::File("data/orders.db".into())).unwrap().as_deref(),
            Some("data/orders.db.events")
        );
        assert_eq!(journal(Place::Memory).unwrap(), None);
        assert!(journal(Place::Server).unwrap_err().report().to_string().contains("NATS_URL"));
        assert!(super::journal(None).unwrap_err().report().to_string().contains("before the bus"));
    }
}
