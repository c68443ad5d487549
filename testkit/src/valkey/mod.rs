//! Valkey or Redis: how it is started, and what a test holds of it.

mod local;
#[cfg(feature = "fixtures")]
mod server;

pub(crate) use local::launch;

#[cfg(feature = "fixtures")]
pub use server::ValkeyServer;
