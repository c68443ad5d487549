//! The relay: publishes the rows of the outbox.
//!
//! Follow one event through these files:
//!
//! 1. [`Outbox::enqueue`](crate::Outbox::enqueue) inserts a row in the caller's transaction. The key decides its partition
//!    (`crate::partition`). After the commit a signal in this process or a NOTIFY (`crate::wake`) ends the wait of a worker
//!    ([`wake_up`]); without one the worker polls ([`poll_backoff`]).
//! 2. [`handle`] starts the workers. Each runs the loop of [`worker`]: a poll cycle, then a wait.
//! 3. [`lease`] gives a worker its share of the 32 [`partitions`], and their low-water marks: where a fetch begins.
//! 4. [`store`] fetches rows; [`dialect`] has its SQL. [`blocked_keys`] names the keys that wait behind a failed event.
//! 5. [`batch`] forms windows, with at most one row of a key. [`publishing`] hands each window to the publisher
//!    ([`publish`]); what has no answer soon stays [`in_flight`] while the worker goes on.
//! 6. [`poison`] classifies each reply: confirmed, rejected, at fault, or an outage. [`batch`] makes a disposition of that.
//! 7. [`complete`] removes confirmed rows and stores failed ones: retry, wait behind an earlier one, or quarantine.
//!    [`retry`] keeps what the database did not take, and the pause after a failed cycle.
//! 8. The bus delivers the event to a handler, which claims it with [`Inbox::once`](crate::Inbox::once) in the transaction
//!    of its own changes.
//!
//! On SQLite, [`takeover`] releases the leases of a process that was killed.
//!
//! [`outcome`] holds the data that these steps pass on, [`status`] what health and metrics report. [`lag_probe`] reads the lag for a health check.

mod batch;
#[cfg(test)]
mod batch_tests;
mod blocked_keys;
mod complete;
mod dialect;
mod handle;
mod in_flight;
mod lag_probe;
mod lease;
mod low_water;
mod maintenance;
mod outcome;
mod partitions;
mod poison;
mod publish;
mod publishing;
mod report;
mod retry;
mod settings;
mod status;
mod store;
mod takeover;
mod wake_up;
mod worker;

pub use handle::{Relay, RelayDrain};
pub use settings::RelaySettings;
