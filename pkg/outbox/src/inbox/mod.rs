//! The inbox: a handler's database effects happen once, however often its event is delivered.
//!
//! [`Inbox::once`] writes a claim on the event in the transaction of the handler's own changes. Committed, both are there;
//! rolled back, neither is. A second delivery finds the claim and does nothing. Effects outside of that transaction (a
//! mail, a call) are not covered: enqueue an event for them in an [outbox](crate::Outbox).

mod apply;
mod handler;
mod settings;
mod sweeper;

pub use apply::{Applied, Inbox};
pub use settings::InboxSettings;
pub use sweeper::InboxSweeper;
