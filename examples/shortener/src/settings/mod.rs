//! The settings and their sources.

mod defaults;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use underpin_config::schema::Reference;
use underpin_config::{Loader, duration};
use underpin_database::DatabaseSettings;
use underpin_events::jetstream::JetStreamSettings;
use underpin_logger::LoggerSettings;
use underpin_rpc::RpcSettings;
use underpin_service::{HttpSettings, LifecycleSettings, ServiceSettings};
use underpin_store::{OnLimiterFailure, Quota, RedisSettings, StoreSettings};

/// The default database.
const DATABASE: &str = "sqlite:data/shortener.db";

/// Everything that can be set. The defaults run on a machine with nothing installed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// The HTTP surface.
    pub http: HttpSettings,
    /// Links.
    pub links: LinkSettings,
    /// The database; the SQLite file `data/shortener.db` where no URL is set.
    pub database: DatabaseSettings,
    /// The bus: NATS where `servers` names some, otherwise in memory, with a journal beside the SQLite file.
    pub events: JetStreamSettings,
    /// The bucket of links: on the same NATS, or in memory with a journal.
    pub store: StoreSettings,
    /// Calls.
    pub rpc: RpcSettings,
    /// The Valkey or Redis that counts for the limits; without a URL each process counts for itself.
    pub redis: RedisSettings,
    /// The limits.
    pub limits: LimitSettings,
    /// The log.
    pub log: LoggerSettings,
    /// Start, stop, threads and the admin listener.
    pub service: LifecycleSettings,
}

/// Links.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinkSettings {
    /// What short URLs begin with. It is set and not taken from the header `Host`, which a caller writes.
    pub public_url: String,
    /// How long a link is kept that names no time to live.
    #[serde(with = "duration")]
    #[schemars(with = "underpin_config::schema::DurationText")]
    pub ttl: Duration,
    /// The longest time to live.
    #[serde(with = "duration")]
    #[schemars(with = "underpin_config::schema::DurationText")]
    pub max_ttl: Duration,
}

/// How much is allowed: over HTTP for each network, over NATS for each `x-client-id`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// New links of a client: `POST /api/v1/shorten`, `api.createOrder`.
    pub create: Quota,
    /// Statistics for a client: `GET /api/v1/...`, `api.getData`, `api.getStatus`.
    pub read: Quota,
    /// Redirects for a client.
    pub redirect: Quota,
    /// All of it, of all clients.
    pub global: Quota,
    /// What a request gets while the limiter does not answer.
    pub on_failure: OnLimiterFailure,
    /// How many proxies stand in front and append to `X-Forwarded-For`. What a client writes there counts for nothing.
    pub trusted_hops: usize,
}

impl Settings {
    /// Reads `shortener.toml`, `.env` and the environment, where they are.
    ///
    /// `DATABASE_URL`, `NATS_URL`, `VALKEY_URL` and `LOG_LEVEL` work beside `SHORTENER_DATABASE__URL` and so on.
    pub fn loader() -> Loader {
        Loader::new("SHORTENER")
            .defaults(&Self::default())
            // Secrets are not taken from the defaults above.
            .default_value("database.url", DATABASE)
            .default_value("redis.url", "")
            .optional_file("shortener.toml")
            .optional_dotenv(".env")
            .bind("database.url", "DATABASE_URL")
            .bind("events.servers", "NATS_URL")
            .bind("redis.url", "VALKEY_URL")
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
