//! The outbox: an event is published if and only if the transaction that tells it commits.
//!
//! [`Outbox::enqueue`] writes the event in the caller's own transaction. A [`Relay`], or any number of them, takes it to
//! the broker, under the message id of the event, and forgets it after the acknowledgement. The reader's half is the
//! [`inbox`](crate::inbox), which makes the effects of an event happen once however often it is delivered.
//!
//! Together they give at-least-once delivery and effects once. What a reader sees when a process, the database or the
//! broker dies at any point is written down in `docs/outbox.md`.

mod enqueue;
mod error;
mod lag;
mod lane;
mod quarantine;
mod relay;
pub(crate) mod schema;
mod schema_lists;
mod schema_sql;
mod settings;
mod transaction;

pub use enqueue::{Outbox, OutboxRow};
pub use error::OutboxError;
pub use quarantine::QuarantinedEvent;
pub use relay::{OutboxLag, Relay, RelayDrain};
pub use settings::{AfterQuarantine, OutboxSettings, RelaySettings};
pub use transaction::InTransaction;
