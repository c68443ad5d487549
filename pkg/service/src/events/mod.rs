//! The bus of `underpin-events` as a plugin, and its consumers as traffic.

mod backlog;
mod bus;
mod consumer;
mod open;

#[cfg(feature = "outbox")]
pub(crate) use backlog::Unfinished;
pub use bus::Bus;
pub use consumer::Consumer;
pub use open::OpenBus;
