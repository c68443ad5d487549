//! The in-memory bus: the embedded default of a service, and the fake for its tests.
//!
//! It behaves as the JetStream backend does: durable subscriptions, redelivery with delays, attempts, de-duplication by
//! message id, order per key, dead letters with replay, lag. It passes the same conformance suite. What it does not do is
//! survive the process. All time is `tokio::time`, so a test with a paused clock controls it.

mod bus;
mod dead_letters;
mod durable;
mod message;
mod settings;
mod state;
mod subscription;

pub use bus::MemoryBus;
pub use settings::MemorySettings;
