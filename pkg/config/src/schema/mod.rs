//! The reference of a settings type: what can be set, where, and what it means. Needs the feature `schema`.
//!
//! The type derives `schemars::JsonSchema`; its doc comments become the descriptions. A field with
//! `#[serde(with = "underpin_config::duration")]` also needs `#[schemars(with = "underpin_config::schema::DurationText")]`,
//! because schemars would take the path of the module for a type.
//!
//! A block of another crate that derives no `JsonSchema` is marked `#[schemars(with = "serde_json::Value")]`: its keys come from
//! the default of the settings, without words about them.
//!
//! # Examples
//! ```
//! use std::time::Duration;
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//! use underpin_config::{Loader, Secret, schema::DurationText};
//!
//! #[derive(Serialize, Deserialize, JsonSchema)]
//! #[serde(default)]
//! struct Settings {
//!     /// The port to listen on.
//!     port: u16,
//!     /// How long a request may take.
//!     #[serde(with = "underpin_config::duration")]
//!     #[schemars(with = "DurationText")]
//!     timeout: Duration,
//!     /// The token of the administrator.
//!     token: Option<Secret<String>>,
//! }
//!
//! impl Default for Settings {
//!     fn default() -> Self {
//!         Self { port: 3000, timeout: Duration::from_secs(5), token: None }
//!     }
//! }
//!
//! let reference = Loader::new("APP").reference::<Settings>();
//! assert_eq!(
//!     reference.markdown(),
//!     "| Key | Variable | Type | Default | Meaning |\n\
//!      |---|---|---|---|---|\n\
//!      | `port` | `APP_PORT` | integer, 0 to 65535 | `3000` | The port to listen on. |\n\
//!      | `timeout` | `APP_TIMEOUT` | duration | `\"5s\"` | How long a request may take. |\n\
//!      | `token` | `APP_TOKEN` | text, secret | | The token of the administrator. |\n"
//! );
//! assert!(reference.toml().contains("# How long a request may take.\n#timeout = \"5s\"\n"));
//! assert!(reference.dotenv().contains("#APP_PORT=3000\n"));
//! ```

mod entry;
mod leaf;
mod plain;
mod reference;
mod render;
mod walk;

pub use self::entry::Entry;
pub use self::leaf::DurationText;
pub use self::reference::Reference;
