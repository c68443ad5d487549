use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, ConfigError, Loader, Validate, duration};
use underpin_database::DatabaseSettings;
use underpin_events::jetstream::JetStreamSettings;
use underpin_logger::LoggerSettings;

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
    /// How long a shutdown may take.
    #[serde(with = "duration")]
    pub shutdown_within: Duration,
}

/// Where the service listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// The address; `0.0.0.0` for all interfaces.
    pub host: IpAddr,
    /// The port; 0 for any that is free.
    pub port: u16,
    /// How long a request may take.
    #[serde(with = "duration")]
    pub request_timeout: Duration,
}

impl Settings {
    /// Reads `service.toml`, `.env` and the environment, and `overrides` of the form `key=value`.
    ///
    /// # Errors
    /// Every problem of every source at once.
    pub fn load(overrides: impl IntoIterator<Item = String>) -> Result<Self, ConfigError> {
        Loader::new(PREFIX)
            .defaults(&Self::default())
            // A secret is not taken from the defaults above.
            .default_value("database.url", DATABASE)
            .optional_file("service.toml")
            .optional_dotenv(".env")
            .bind("database.url", "DATABASE_URL")
            .bind("events.servers", "NATS_URL")
            .bind("log.level", "LOG_LEVEL")
            .overrides(overrides)
            .load()
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
        Self {
            http: HttpSettings::default(),
            database,
            events,
            log,
            shutdown_within: Duration::from_secs(10),
        }
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self { host: Ipv4Addr::LOCALHOST.into(), port: 8080, request_timeout: Duration::from_secs(10) }
    }
}

impl Validate for Settings {
    fn validate(&self, checks: &mut Checks) {
        checks.nested("database", &self.database);
        if !self.events.servers.is_empty() {
            checks.nested("events", &self.events);
        }
        checks.nested("log", &self.log);
        let limits = Duration::from_millis(1)..=Duration::from_secs(3600);
        let rule = "must be from 1ms to 1h";
        checks.ensure(limits.contains(&self.shutdown_within), "shutdown_within", rule);
        checks.ensure(limits.contains(&self.http.request_timeout), "http.request_timeout", rule);
    }
}
