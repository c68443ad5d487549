//! NATS: how it is started, and what a test holds of it.

mod local;
#[cfg(feature = "fixtures")]
mod server;

#[cfg(feature = "fixtures")]
pub use server::NatsServer;
