//! The settings and their sources.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use underpin_config::schema::Reference;
use underpin_config::{Checks, Loader, Validate, duration};
use underpin_database::DatabaseSettings;
use underpin_events::jetstream::{JetStreamSettings, StreamSettings};
use underpin_jobs::WorkersSettings;
use underpin_logger::LoggerSettings;
use underpin_rpc::RpcSettings;
use underpin_service::{HttpSettings, LifecycleSettings, ServiceSettings};

/// The default database.
const DATABASE: &str = "sqlite:data/workers.db";

/// Everything that can be set. The defaults run on a machine with nothing installed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// The HTTP surface.
    pub http: HttpSettings,
    /// The database; the SQLite file `data/workers.db` where no URL is set.
    pub database: DatabaseSettings,
    /// The bus: NATS where `servers` names some, otherwise in memory, with a journal beside the SQLite file.
    pub events: JetStreamSettings,
    /// Calls.
    pub rpc: RpcSettings,
    /// The workers of jobs.
    pub jobs: WorkersSettings,
    /// The payment gateway.
    pub gateway: GatewaySettings,
    /// How the simulated work behaves.
    pub simulation: SimulationSettings,
    /// The log.
    pub log: LoggerSettings,
    /// Start, stop, threads and the admin listener.
    pub service: LifecycleSettings,
}

/// The simulated payment gateway.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GatewaySettings {
    /// The file with its charges. It stands for another company's database, so it survives this process.
    pub ledger: PathBuf,
    /// How long a charge may take.
    #[serde(with = "duration")]
    #[schemars(with = "underpin_config::schema::DurationText")]
    pub timeout: Duration,
    /// How many charges of this process are made and then never answered.
    pub hang_first: u32,
}

/// How the simulated work behaves.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SimulationSettings {
    /// How long a step of a job takes.
    #[serde(with = "duration")]
    #[schemars(with = "underpin_config::schema::DurationText")]
    pub step: Duration,
    /// How many steps of a hundred fail, at random.
    pub failure_percent: u8,
}

impl Settings {
    /// Reads `workers.toml`, `.env` and the environment, where they are.
    ///
    /// `DATABASE_URL`, `NATS_URL` and `LOG_LEVEL` work beside `WORKERS_DATABASE__URL` and so on.
    pub fn loader() -> Loader {
        Loader::new("WORKERS")
            .defaults(&Self::default())
            // A secret is not taken from the defaults above.
            .default_value("database.url", DATABASE)
            .optional_file("workers.toml")
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

    fn reference(loader: &Loader) -> Option<Reference> {
        Some(loader.reference::<Self>())
    }
}

impl Default for Settings {
    fn default() -> Self {
        let mut database = DatabaseSettings::new(DATABASE);
        database.application_name = "workers".to_owned();
        // Its subject is the one that clients publish to: `payment.process`.
        let mut stream = StreamSettings::default();
        (stream.name, stream.subject_prefix) = ("PAYMENTS".to_owned(), "payment".to_owned());
        Self {
            http: HttpSettings::default(),
            database,
            events: JetStreamSettings::default().servers([""; 0]).name("workers").stream(stream),
            rpc: RpcSettings::default(),
            // A job of a process that was killed goes on after this long.
            jobs: WorkersSettings::default().lease(Duration::from_secs(10)),
            gateway: GatewaySettings::default(),
            simulation: SimulationSettings::default(),
            log: LoggerSettings::default().service("workers"),
            service: LifecycleSettings::default(),
        }
    }
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self { ledger: PathBuf::from("data/gateway.ledger"), timeout: Duration::from_secs(2), hang_first: 0 }
    }
}

impl Default for SimulationSettings {
    fn default() -> Self {
        Self { step: Duration::from_millis(200), failure_percent: 0 }
    }
}

impl Validate for Settings {
    fn validate(&self, checks: &mut Checks) {
        checks.nested("http", &self.http);
        checks.nested("database", &self.database);
        if !self.events.servers.is_empty() {
            checks.nested("events", &self.events);
        }
        checks.nested("rpc", &self.rpc);
        checks.nested("jobs", &self.jobs);
        checks.nested("log", &self.log);
        checks.nested("service", &self.service);
    }
}
