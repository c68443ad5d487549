//! Stores under faults: holders of locks, counters, registers, sessions, a limit and watchers, in processes that are killed and frozen,
//! behind connections that break, over a NATS server that is killed.
//!
//! **Promises checked.** Two holders of a lock never overlap, and a holder after its lease acts neither through `run` nor past the fence of
//! the resource. An acknowledged write is there; a counter is the number of acknowledged increments, and of those whose answer was lost
//! at most as many more. A write that failed for certain is not there. A session is what was saved last and has one id. The limiter lets
//! no more pass than its quota. Watchers know exactly what is there, each with one consumer at most.
//!
//! `cargo xtask chaos store` runs it, `cargo xtask chaos locks` its locks alone.

mod check;
mod client;
mod holder;
mod ledger;
mod record;
mod report;
mod run;
mod task;
mod watcher;
mod worker;

pub use report::StoreReport;
pub use run::StoreChaos;
pub use task::work;
