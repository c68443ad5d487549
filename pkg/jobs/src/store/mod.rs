//! Where jobs are kept: the traits, and PostgreSQL, SQLite and memory behind them.

mod admin;
mod awake;
mod database;
mod database_admin;
mod database_ticks;
mod insert;
mod job_store;
mod memory;
mod rows;
mod schema;
mod tick_store;
mod types;
mod verdict;

pub use admin::JobAdmin;
pub(crate) use awake::AwakeQueues;
pub use database::DatabaseJobStore;
pub(crate) use insert::{complete_in, insert_in};
pub use job_store::JobStore;
pub use memory::MemoryJobStore;
pub(crate) use schema::CHANNEL;
pub use tick_store::{ScheduleStatus, Tick, TickStore};
pub use types::{Claim, ClaimKind, Claimed, Heartbeat, KnownKind, NewJob, Rescue, RescueOutcome};
pub use verdict::{FinishReport, Finished, Verdict};

/// Everything that jobs need of a store.
pub trait Store: JobStore + JobAdmin + TickStore {}

impl<S: JobStore + JobAdmin + TickStore> Store for S {}

const _: fn(&dyn Store) = |_| ();
