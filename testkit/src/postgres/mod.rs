//! PostgreSQL: how it is started, and what a test holds of it.

#[cfg(feature = "fixtures")]
mod admin;
#[cfg(feature = "fixtures")]
mod container;
#[cfg(feature = "fixtures")]
mod database;
mod local;
#[cfg(feature = "fixtures")]
mod server;
#[cfg(feature = "fixtures")]
mod shared;
mod template;

pub(crate) use {local::launch, template::Template};

#[cfg(feature = "fixtures")]
pub use {database::PostgresDatabase, server::PostgresServer};
