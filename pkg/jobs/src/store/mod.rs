//! Where jobs are kept: the traits, and PostgreSQL, SQLite and memory behind them.

mod admin;
mod insert;
mod job_store;
mod memory;
mod postgres;
mod rows;
mod schema;
mod sqlite;
mod sqlite_claim;
mod sqlite_end;
mod tick_store;
mod ticks;
mod types;
mod verdict;

use std::sync::Arc;

pub use admin::JobAdmin;
pub(crate) use insert::{complete_in, insert_in};
pub use job_store::JobStore;
pub use memory::MemoryJobStore;
pub use postgres::PostgresJobStore;
pub(crate) use schema::CHANNEL;
pub use sqlite::SqliteJobStore;
pub use tick_store::{RegisteredEntry, ScheduleStatus, Tick, TickStore};
pub use types::{Claim, ClaimKind, ClaimQueue, Claimed, Heartbeat, KnownKind, NewJob, Rescue, RescueOutcome};
pub use verdict::{FinishReport, Finished, Verdict};

use underpin_database::{Backend, Pool};

/// Everything that jobs need of a store.
pub trait Store: JobStore + JobAdmin + TickStore {}

impl<S: JobStore + JobAdmin + TickStore> Store for S {}

const _: fn(&dyn Store) = |_| ();

/// The store in the database of a pool.
pub(crate) fn open(pool: &Pool, limit: std::time::Duration) -> Arc<dyn Store> {
    match pool.backend() {
        Backend::Postgres => Arc::new(PostgresJobStore::new(Arc::new(pool.clone()), limit)),
        _ => Arc::new(SqliteJobStore::new(Arc::new(pool.clone()), limit)),
    }
}
