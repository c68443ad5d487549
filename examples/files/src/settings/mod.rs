//! The settings and their sources.

mod defaults;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use underpin_config::schema::Reference;
use underpin_config::{ByteSize, Loader, duration};
use underpin_database::DatabaseSettings;
use underpin_logger::LoggerSettings;
use underpin_nats::NatsSettings;
use underpin_objects::{ObjectsSettings, S3Settings};
use underpin_rpc::RpcSettings;
use underpin_service::{HttpSettings, LifecycleSettings, ServiceSettings};

/// The default database.
const DATABASE: &str = "sqlite:data/files.db";

/// Everything that can be set. The defaults run on a machine with nothing installed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// The HTTP surface. A request may take ten minutes by default, since uploads do.
    pub http: HttpSettings,
    /// The database; the SQLite file `data/files.db` where no URL is set.
    pub database: DatabaseSettings,
    /// NATS, for calls and for JetStream; without servers, calls stay in this process.
    pub nats: NatsSettings,
    /// Calls.
    pub rpc: RpcSettings,
    /// The buckets: in JetStream where `nats.servers` names some, otherwise folders beside the SQLite file.
    pub objects: ObjectsSettings,
    /// S3 instead. The bucket is that of files; that of user settings has its name with `-user-setting`.
    pub s3: Option<S3Settings>,
    /// Uploads.
    pub uploads: UploadSettings,
    /// The log.
    pub log: LoggerSettings,
    /// Start, stop, threads and the admin listener.
    pub service: LifecycleSettings,
}

/// Uploads.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UploadSettings {
    /// The largest file.
    pub max_size: ByteSize,
    /// How long a signed link may be used, from 1s to 7 days.
    #[serde(with = "duration")]
    #[schemars(with = "underpin_config::schema::DurationText")]
    pub link_lasts: Duration,
    /// After how long an upload that is not complete is removed; more than an upload takes. The sweeper looks sixty times as often.
    #[serde(with = "duration")]
    #[schemars(with = "underpin_config::schema::DurationText")]
    pub abandoned_after: Duration,
}

impl Settings {
    /// Reads `files.toml`, `.env` and the environment, where they are.
    ///
    /// `DATABASE_URL`, `NATS_URL` and `LOG_LEVEL` work beside `FILES_DATABASE__URL` and so on.
    pub fn loader() -> Loader {
        Loader::new("FILES")
            .defaults(&Self::default())
            // A secret is not taken from the defaults above.
            .default_value("database.url", DATABASE)
            .optional_file("files.toml")
            .optional_dotenv(".env")
            .bind("database.url", "DATABASE_URL")
            .bind("nats.servers", "NATS_URL")
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
