#![doc = include_str!("../README.md")]
//!
//! ## How the code is laid out
//!
//! [`Program`] finds a binary; `supervisor` starts it and outlives the test; `server` kills, pauses and restarts it; `run`
//! identifies the process whose lifetime the shared server has; `data_dir` chooses data directories and removes stale
//! ones. The fixtures build on these, one folder per server. [`PersistentServer`] serves `cargo xtask up`. `service` drives the binary of a service;
//! `console` runs the commands of a document;
//! [`Packages`] are those of clients in Python and JavaScript.
#![cfg_attr(not(feature = "fixtures"), allow(dead_code, unused_imports, reason = "the fixtures use it"))]

#[cfg(feature = "fixtures")]
mod blocking;
mod cache;
#[cfg(feature = "service")]
mod console;
mod container;
mod data_dir;
mod error;
mod eventually;
#[cfg(feature = "fixtures")]
mod interop;
mod nats;
mod owned;
mod packages;
mod persistent;
#[cfg(feature = "fixtures")]
mod pooler;
mod port;
mod postgres;
#[cfg(feature = "fixtures")]
mod private;
mod process;
mod program;
#[cfg(feature = "fixtures")]
mod prometheus;
#[cfg(feature = "fixtures")]
mod proxy;
mod record;
mod run;
mod server;
#[cfg(feature = "service")]
mod service;
#[cfg(feature = "fixtures")]
mod source;
mod supervisor;
mod url;
mod user;
mod valkey;
mod version;
mod wait;

pub use cache::cache_folder;
#[cfg(feature = "service")]
pub use console::Console;
pub use error::{Server, TestkitError};
pub use eventually::eventually_blocking;
#[cfg(feature = "fixtures")]
pub use eventually::{eventually, poll};
#[cfg(feature = "fixtures")]
pub use interop::Interop;
#[cfg(feature = "fixtures")]
pub use nats::{NatsCluster, NatsServer};
pub use packages::Packages;
pub use persistent::PersistentServer;
#[cfg(feature = "fixtures")]
pub use pooler::Pooler;
pub use port::free_port;
#[cfg(feature = "fixtures")]
pub use postgres::{PostgresDatabase, PostgresServer};
pub use process::{ParseProcessIdError, ProcessId};
pub use program::Program;
#[cfg(feature = "fixtures")]
pub use prometheus::PrometheusServer;
#[cfg(feature = "fixtures")]
pub use proxy::{Direction, Fault, Proxy};
#[cfg(feature = "service")]
pub use service::{HttpExchange, HttpReply, ServiceLog, ServiceProcess};
#[cfg(feature = "fixtures")]
pub use valkey::ValkeyServer;
pub use version::Version;
