//! The proof of the outbox and the inbox: processes that die at any moment, and what must hold all the same.
//!
//! A producer moves money between accounts and enqueues an event per transfer; three relays publish the events; three
//! consumers apply them to a projection through the inbox. Meanwhile the driver kills, freezes and restarts all of them,
//! PostgreSQL and NATS, and cuts, stalls, slows and forgets the connections between them, by a schedule that a seed
//! determines, and publishes messages with malformed headers. At the end all faults end, and each promise is checked: every
//! committed transfer has its effect exactly once, order per account holds, sums agree, nothing is stuck, and each malformed
//! message is a dead letter of its subscription.
//!
//! `cargo xtask chaos --minutes 30 --seed 7` runs it; `tests/tests/it/random.rs` holds a short run, and proves that the check
//! can fail.

mod bank;
mod check;
pub(crate) mod fault;
mod frozen;
pub(crate) mod inject;
mod journal;
mod malformed;
mod mistake;
mod observations;
pub(crate) mod random;
mod recovery;
mod report;
mod run;
mod testbed;
mod violation;
mod worker;

pub use frozen::{FreezeOutcome, freeze_and_resume};
pub use journal::Journal;
pub use mistake::{Mistake, make};
pub use report::{RecoveryReport, Report};
pub use run::Chaos;
pub use violation::Violation;
pub use worker::work;
