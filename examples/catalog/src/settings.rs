//! The settings and their sources.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use underpin_config::schema::Reference;
use underpin_config::{Checks, Loader, Validate};
use underpin_database::DatabaseSettings;
use underpin_events::jetstream::{JetStreamSettings, StreamSettings};
use underpin_logger::LoggerSettings;
use underpin_rpc::RpcSettings;
use underpin_service::{HttpSettings, LifecycleSettings, ServiceSettings};
use underpin_store::{CacheSettings, RedisSettings};

/// The default database.
const DATABASE: &str = "sqlite:data/catalog.db";

/// How long Valkey may take to answer.
const BRIEF: Duration = Duration::from_millis(500);

/// Everything that can be set. The defaults run on a machine with nothing installed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// The HTTP surface.
    pub http: HttpSettings,
    /// The database; the SQLite file `data/catalog.db` where no URL is set.
    pub database: DatabaseSettings,
    /// How the products are kept there.
    pub storage: StorageKind,
    /// The cache, and how long the second level keeps a value.
    pub cache: CacheSettings,
    /// The second level of the cache: Valkey or Redis where `url` names one, otherwise where the bus is.
    pub valkey: RedisSettings,
    /// The bus: NATS where `servers` names some, otherwise in memory, with a journal beside the SQLite file.
    pub events: JetStreamSettings,
    /// Calls.
    pub rpc: RpcSettings,
    /// The log.
    pub log: LoggerSettings,
    /// Start, stop, threads and the admin listener.
    pub service: LifecycleSettings,
}

/// The implementations of [`Storage`](crate::Storage).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StorageKind {
    /// Entities of sea-orm, on SQLite or PostgreSQL.
    #[default]
    Orm,
    /// SQL that is checked when it is compiled, on PostgreSQL.
    Sql,
}

impl Settings {
    /// Reads `catalog.toml`, `.env` and the environment, where they are.
    ///
    /// `DATABASE_URL`, `NATS_URL`, `VALKEY_URL` and `LOG_LEVEL` work beside `CATALOG_DATABASE__URL` and so on.
    pub fn loader() -> Loader {
        Loader::new("CATALOG")
            .defaults(&Self::default())
            // A secret is not taken from the defaults above.
            .default_value("database.url", DATABASE)
            .default_value("valkey.url", "")
            .optional_file("catalog.toml")
            .optional_dotenv(".env")
            .bind("database.url", "DATABASE_URL")
            .bind("events.servers", "NATS_URL")
            .bind("valkey.url", "VALKEY_URL")
            .bind("log.level", "LOG_LEVEL")
    }

    /// Valkey, if there is one.
    pub(crate) fn valkey(&self) -> Option<&RedisSettings> {
        Some(&self.valkey).filter(|valkey| !valkey.url.expose().is_empty())
    }
}

impl ServiceSettings for Settings {
    fn logger(&self) -> LoggerSettings {
        self.log.clone()
    }

    fn lifecycle(&self) -> LifecycleSettings {
        self.service.clone()
    }

    fn reference(loader: &Loader) -> Option<Reference> {
        Some(loader.reference::<Self>())
    }
}

impl Default for Settings {
    fn default() -> Self {
        let mut database = DatabaseSettings::new(DATABASE);
        database.application_name = "catalog".to_owned();
        let mut stream = StreamSettings::default();
        (stream.name, stream.subject_prefix) = ("CATALOG".to_owned(), "catalog".to_owned());
        Self {
            http: HttpSettings::default(),
            database,
            storage: StorageKind::default(),
            cache: CacheSettings::default(),
            // A reader does not wait for a cache as long as for a database.
            valkey: RedisSettings::new("").prefix("catalog").connect_timeout(BRIEF).request_timeout(BRIEF),
            events: JetStreamSettings::default().servers([""; 0]).name("catalog").stream(stream),
            rpc: RpcSettings::default(),
            log: LoggerSettings::default().service("catalog"),
            service: LifecycleSettings::default(),
        }
    }
}

impl Validate for Settings {
    fn validate(&self, checks: &mut Checks) {
        checks.nested("http", &self.http);
        checks.nested("database", &self.database);
        checks.nested("cache", &self.cache);
        if let Some(valkey) = self.valkey() {
            checks.nested("valkey", valkey);
        }
        if !self.events.servers.is_empty() {
            checks.nested("events", &self.events);
        }
        checks.nested("rpc", &self.rpc);
        checks.nested("log", &self.log);
        checks.nested("service", &self.service);
    }
}
