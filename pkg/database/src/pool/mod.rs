//! The connection pool: one round trip a query, and no permit lost to a caller that goes away.
//!
//! # The path of one query
//!
//! 1. [`statements`]: `Pool::run` prepares the statement ([`prepare`]: trace comment, session state) and acquires a lease.
//! 2. [`acquire`]: takes a permit ([`permit`]), then the most recently used idle connection ([`idle`]). One that was idle for
//!    `check_after` is pinged. Without an idle connection it opens one ([`open`]), four at a time at most, or takes one that
//!    comes back first.
//! 3. [`lease`]: sends the statement within a limit ([`reply_timeout`]) and follows the state of the connection. Before it,
//!    a writer to a SQLite file waits for a permit ([`writers`]); behind a transaction pooler it opens a transaction.
//! 4. The lease is dropped. One `match` on its state decides: back into [`idle`], or to the maintenance task ([`retire`]),
//!    which resets the connection ([`reset`], over [`control`] where a statement must be cancelled) or closes it.
//! 5. [`maintenance`] puts a connection that was reset back into the pool, and closes surplus and expired ones.
//!
//! A session or a transaction keeps the lease of step 3 for several statements; see the module `session`.
//!
//! Each file uses only files above it in this order: [`permit`], [`reply_timeout`], [`writers`], [`entry`], [`idle`], [`open`],
//! [`control`], [`stats`], [`counters`], [`reset`], [`retire`], [`state`], [`metrics`], [`maintenance`], [`lease`],
//! [`acquire`], [`session_effects`], [`prepare`], [`health`], [`handle`], [`statements`].

mod acquire;
mod control;
mod counters;
mod entry;
mod handle;
mod health;
mod idle;
mod lease;
mod maintenance;
#[cfg(feature = "metrics")]
mod metrics;
mod open;
mod permit;
mod prepare;
mod reply_timeout;
mod reset;
mod retire;
mod session_effects;
mod state;
mod statements;
mod stats;
mod writers;

pub use handle::{CloseOutcome, Pool};
pub use health::DatabaseHealth;
pub(crate) use lease::{Access, ConnectionState, Disposition, Lease, Scope};
pub(crate) use open::{Opened, Opener};
pub(crate) use prepare::{note_session_state, prepare};
pub(crate) use state::PoolState;
pub use stats::{PoolStats, WaitHistogram};
