//! NATS: how it is started, and what a test holds of it.

#[cfg(feature = "fixtures")]
mod cluster;
#[cfg(feature = "fixtures")]
mod container;
#[cfg(feature = "fixtures")]
mod given;
mod info;
mod local;
#[cfg(feature = "fixtures")]
mod raw;
#[cfg(feature = "fixtures")]
mod server;

pub(crate) use local::launch;

#[cfg(feature = "fixtures")]
pub use cluster::NatsCluster;
#[cfg(feature = "fixtures")]
pub use server::NatsServer;
