//! The in-memory bus: the embedded default of a service, and the fake for its tests.
//!
//! It behaves as the JetStream backend does: durable subscriptions, redelivery with delays, attempts, de-duplication by
//! message id, order per key, dead letters with replay, lag. It passes the same conformance suite. What it keeps ends
//! with the process, unless it has a [journal](JournalSettings). All time is `tokio::time`, so a test with a paused clock controls it.

mod bus;
mod dead_letters;
mod durable;
mod log;
mod message;
mod message_ids;
mod persist;
mod publisher;
mod record;
mod settings;
mod shared;
mod state;
mod subscription;

pub use bus::MemoryBus;
pub use settings::MemorySettings;
pub use underpin_journal::{JournalSettings, JournalSync};
