//! A transactional outbox and an inbox: every event of a committed transaction reaches the bus, and its database effects
//! happen once.
//!
//! For services that change their database and tell others about it. Without an outbox one of the two steps gets lost when
//! the process dies in between, the broker is away, or the transaction rolls back after the event went out.
//!
//! ```
//! # use std::sync::Arc;
//! # use underpin_database::{DatabaseExt, DatabaseSettings, Executor, TxOptions, connect, sql};
//! use underpin_events::Event;
//! use underpin_outbox::{Outbox, OutboxError};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let pool = connect(&DatabaseSettings::new("sqlite::memory:"), Arc::new(underpin_logger::NoopLogger)).await?;
//! # pool.batch("CREATE TABLE orders (id INTEGER)").await?;
//! let outbox = &Outbox::default();
//! outbox.migrate(&pool).await?;
//! let event = &Event::builder("order.placed", "/orders").subject("42").build()?;
//! pool.transaction(TxOptions::default(), |tx| async move {
//!     tx.execute(sql("INSERT INTO orders VALUES (42)", [])).await?;
//!     outbox.enqueue(&tx, event).await?; // does not compile with a pool instead of `tx`
//!     Ok::<_, OutboxError>(())
//! })
//! .await?;
//! assert_eq!(outbox.lag(&pool).await?.waiting, 1);
//! # Ok(()) }
//! ```
//!
//! * [`Outbox::enqueue`] writes an event in the caller's transaction.
//! * A [`Relay`], or any number of them, publishes the rows under the message id of their event, in order per key, and
//!   removes each row after its acknowledgement.
//! * [`Inbox::once`] writes a claim on the event in the transaction of the handler's own changes, so that a repeated
//!   delivery has no second effect. An [`InboxSweeper`] deletes old claims.
//! * [`Outbox::quarantined`], [`Outbox::replay`] and [`Outbox::discard`] are for the operator of events that cannot be
//!   published.
//!
//! Delivery is at least once, effects happen once. `docs/outbox.md` lists what a reader sees when a process, the database
//! or the broker dies at any point.

mod error;
mod inbox;
mod lag;
mod meters;
mod outbox;
mod partition;
mod quarantine;
mod relay;
mod row;
mod schema;
mod settings;
mod signals;
mod text;

pub use error::OutboxError;
pub use inbox::{Applied, Inbox, InboxSettings, InboxSweeper};
pub use lag::OutboxLag;
pub use meters::describe_metrics;
pub use outbox::Outbox;
pub use quarantine::QuarantinedEvent;
pub use relay::{Relay, RelayDrain, RelaySettings};
pub use row::OutboxRow;
pub use settings::{AfterQuarantine, OutboxSettings};
pub use underpin_database::InTransaction;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
