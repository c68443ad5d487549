//! Workers that are killed, frozen and made to abort around a PostgreSQL that is killed, with a ledger of effects.
//!
//! Each job is enqueued in a transaction that also writes a row of `ledger`, and its handler writes a row of `effect` in the
//! transaction of its completion. In the end both tables must hold the same numbers, each once.

mod driver;
mod process;
mod worker;

pub use driver::{JobsChaos, JobsReport};
pub use process::{JobsProcess, clock_library};
pub use worker::{
    JobsTask, Poison, ReceiptJob, Release, SetClock, TransferJob, WiderTransferJob, tables, work,
};
