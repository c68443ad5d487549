use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Loader, Validate};
use underpin_database::DatabaseSettings;
use underpin_events::jetstream::JetStreamSettings;
use underpin_logger::LoggerSettings;
use underpin_service::{HttpSettings, LifecycleSettings, ServiceSettings};

/// The prefix of the environment variables.
const PREFIX: &str = "{{crate_name | shouty_snake_case}}";

/// The default database.
const DATABASE: &str = "sqlite:data/service.db";

/// Everything that can be set. The defaults run on a machine with nothing installed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The HTTP surface.
    pub http: HttpSettings,
    /// The database.
    pub database: DatabaseSettings,
    /// NATS where `servers` names some, otherwise in memory, with a journal beside the SQLite file.
    pub events: JetStreamSettings,
    /// The log.
    pub log: LoggerSettings,
    /// Start, stop, threads and the admin listener.
    pub service: LifecycleSettings,
}

impl Settings {
    /// Reads `service.toml`, `.env` and the environment.
    pub fn loader() -> Loader {
        Loader::new(PREFIX)
            .defaults(&Self::default())
            // A secret is not taken from the defaults above.
            .default_value("database.url", DATABASE)
            .optional_file("service.toml")
            .optional_dotenv(".env")
            .bind("database.url", "DATABASE_URL")
            .bind("events.servers", "NATS_URL")
            .bind("log.level", "LOG_LEVEL")
    }
}

impl ServiceSettings for Settings {
    fn logger(&self) -> LoggerSettings {
        self.log.clone()
    }

    fn lifecycle(&self) -> LifecycleSettings {
        self.service.clone()
    }
}

impl Default for Settings {
    fn default() -> Self {
        let name = env!("CARGO_PKG_NAME");
        let mut database = DatabaseSettings::new(DATABASE);
        database.application_name = name.to_owned();
        let mut events = JetStreamSettings::default();
        events.servers.clear();
        events.name = name.to_owned();
        let log = LoggerSettings::default().service(name);
        Self { http: HttpSettings::default(), database, events, log, service: LifecycleSettings::default() }
    }
}

impl Validate for Settings {
    fn validate(&self, checks: &mut Checks) {
        checks.nested("http", &self.http);
        checks.nested("database", &self.database);
        if !self.events.servers.is_empty() {
            checks.nested("events", &self.events);
        }
        checks.nested("log", &self.log);
        checks.nested("service", &self.service);
    }
}
