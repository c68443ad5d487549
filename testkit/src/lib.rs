#![doc = include_str!("../README.md")]
//!
//! ## How the code is laid out
//!
//! [`Program`] finds a binary; `guardian` starts it and outlives the test; `server` kills, pauses and restarts it; `run`
//! knows whose life the shared server follows; `place` knows where data lies and sweeps it. On top stand the fixtures,
//! one folder per server. [`Standing`] is for `cargo xtask up`.
#![cfg_attr(not(feature = "fixtures"), allow(dead_code, reason = "the fixtures use it"))]

#[cfg(feature = "fixtures")]
mod blocking;
mod cache;
#[cfg(feature = "docker")]
mod docker;
mod error;
mod eventually;
mod guardian;
mod nats;
mod place;
#[cfg(feature = "fixtures")]
mod pooler;
mod port;
mod postgres;
mod process;
mod program;
#[cfg(feature = "fixtures")]
mod proxy;
mod record;
mod run;
mod server;
mod standing;
mod url;
mod user;
mod version;
mod wait;

pub use cache::cache_folder;
pub use error::{Server, TestkitError};
pub use eventually::eventually_blocking;
#[cfg(feature = "fixtures")]
pub use eventually::{eventually, poll};
#[cfg(feature = "fixtures")]
pub use nats::NatsServer;
#[cfg(feature = "fixtures")]
pub use pooler::Pooler;
#[cfg(feature = "fixtures")]
pub use postgres::{PostgresDatabase, PostgresServer};
pub use process::{ParseProcessIdError, ProcessId};
pub use program::Program;
#[cfg(feature = "fixtures")]
pub use proxy::{Direction, Fault, Proxy};
pub use standing::Standing;
pub use version::Version;
