//! Layered configuration: typed by the target, every problem reported at once, secrets never printed.
//!
//! A [`Loader`] collects defaults, files, a profile, secrets directories, `.env`, the environment and overrides, in a precedence
//! that is fixed. It fills a settings struct, or reports everything that is wrong in one [`ConfigError`]: each issue names the key,
//! the exact environment variable, the file and the line, and never a value.
//!
//! ```
//! use underpin_config::{Loader, Secret, Validate};
//!
//! #[derive(Debug, serde::Deserialize)]
//! struct Settings { name: String, database: Database }
//!
//! #[derive(Debug, serde::Deserialize)]
//! struct Database { url: Secret<String>, max_connections: u32 }
//!
//! impl Validate for Settings {}
//!
//! let settings: Settings = Loader::new("APP")
//!     .optional_file("app.toml")
//!     .environment([
//!         ("APP_NAME", "007"), // typed by the field: it stays text
//!         ("APP_DATABASE__URL", "postgres://ada:hunter2@db/app"),
//!         ("APP_DATABASE__MAX_CONNECTIONS", "50"), // `__` nests, always
//!     ])
//!     .load()?;
//! assert_eq!(settings.database.max_connections, 50);
//! assert!(format!("{settings:?}").contains("url: [redacted]"));
//! # Ok::<(), underpin_config::ConfigError>(())
//! ```
//!
//! * Code that knows its settings takes the struct. What does not takes an `Arc<dyn` [`Config`]`>`, a lookup by key.
//! * A [`Snapshot`] is the configuration at one moment; [`Snapshot::explain`] says where each value came from.
//! * [`Live`] settings are replaced as a whole when the configuration changes (`watch` reloads when a file does); [`Changed`] lists
//!   the keys, and those that need a restart.
//! * `schema` prints the reference of a settings type, `clap` adds `--set key=value`, `testing` brings a mock.
//!
//! With `default-features = false` only the leaf types remain, for crates that define settings and leave the loading to the service:
//! [`Secret`], [`ByteSize`], the [`duration`] module and [`Validate`].
#![cfg_attr(
    not(all(
        feature = "loader",
        feature = "schema",
        feature = "watch",
        feature = "clap",
        feature = "testing"
    )),
    allow(rustdoc::broken_intra_doc_links, reason = "the story links to what some features leave out")
)]

mod byte_size;
pub mod duration;
mod secret;
mod setters;
mod validate;

#[cfg(feature = "clap")]
mod clap;
#[cfg(feature = "loader")]
mod live;
#[cfg(feature = "loader")]
mod load;
#[cfg(feature = "schema")]
pub mod schema;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "watch")]
mod watch;

pub use self::byte_size::{ByteSize, ParseByteSizeError};
#[cfg(feature = "clap")]
pub use self::clap::ConfigArgs;
#[cfg(feature = "loader")]
pub use self::live::{Changed, Changes, Current, Live, Reader, Reload};
#[cfg(feature = "loader")]
pub use self::load::{
    Config, ConfigError, ConfigExt, Explanation, Issue, IssueKind, Line, Loader, Origin, Snapshot, Source,
    SourceError, Table, Value,
};
pub use self::secret::{REDACTED, Secret};
pub use self::validate::{Checks, FailedCheck, Validate};
#[cfg(feature = "watch")]
pub use self::watch::{Watch, WatchError};

#[cfg(all(doctest, feature = "loader"))]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(all(doctest, feature = "loader"))]
#[doc = include_str!("../../../docs/migrate-config.md")]
mod migration {}
