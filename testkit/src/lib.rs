//! Real PostgreSQL and NATS for tests: found or started, one fresh database per test.
//!
//! ```
//! # async fn run() {
//! use underpin_testkit::{NatsServer, PostgresDatabase};
//!
//! let database = PostgresDatabase::fresh().await; // an empty database, dropped with the value
//! let nats = NatsServer::start().await; // JetStream on; kill(), restart(), pause(), resume()
//! println!("{} {}", database.url(), nats.url());
//! # }
//! ```

#![cfg_attr(not(feature = "fixtures"), allow(dead_code, reason = "the fixtures use it"))]

#[cfg(feature = "fixtures")]
mod blocking;
mod cache;
#[cfg(feature = "docker")]
mod docker;
mod error;
mod guardian;
mod nats;
mod place;
mod port;
mod postgres;
mod process;
mod program;
mod record;
mod run;
mod server;
mod standing;
mod user;
mod version;
mod wait;

pub use cache::cache_folder;
pub use error::{Server, TestkitError};
#[cfg(feature = "fixtures")]
pub use nats::NatsServer;
#[cfg(feature = "fixtures")]
pub use postgres::{PostgresDatabase, PostgresServer};
pub use process::{ParseProcessIdError, ProcessId};
pub use program::Program;
pub use standing::Standing;
pub use version::Version;
