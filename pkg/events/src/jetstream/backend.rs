use std::sync::Arc;

use underpin_nats::Connection;

use super::api::JetStreamApi;
use super::consumer::ConsumerManager;
use super::dead_letters::DeadLetterStore;
use super::publisher::Publisher;
use super::settings::JetStreamSettings;
use super::topology::Topology;
use crate::EventsError;

/// The oldest server that has everything this crate asks for: consumers with several filters, stream and consumer metadata.
const OLDEST_SERVER: &str = "2.10.0";

/// The parts of the bus, each of which owns one task.
pub(crate) struct Backend {
    pub(crate) api: Arc<JetStreamApi>,
    pub(crate) settings: JetStreamSettings,
    pub(super) topology: Arc<Topology>,
    pub(super) publisher: Arc<Publisher>,
    pub(super) consumers: ConsumerManager,
    pub(super) dead_letters: DeadLetterStore,
}

impl Backend {
    /// Checks what kind of server the connection has reached.
    pub(super) fn new(
        connection: Connection,
        settings: &JetStreamSettings,
        log: Arc<dyn underpin_logger::Logger>,
    ) -> Result<Self, EventsError> {
        connection.require("a consumer with several filters", OLDEST_SERVER)?;
        let api = Arc::new(JetStreamApi::new(connection, settings.domain.clone(), log));
        // A leaf node without its own JetStream can reach that of a domain.
        if !api.has_jetstream() {
            return Err(EventsError::JetStreamDisabled);
        }
        let topology = Arc::new(Topology::new(Arc::clone(&api), settings));
        let publisher = Arc::new(Publisher::new(Arc::clone(&api), settings));
        let consumers = ConsumerManager::new(Arc::clone(&api), Arc::clone(&topology), settings);
        let dead_letters = DeadLetterStore::new(Arc::clone(&api), Arc::clone(&publisher), settings);
        Ok(Self { api, settings: settings.clone(), topology, publisher, consumers, dead_letters })
    }
}
