//! An append-only journal: the state of a process as records in one file, which survives `kill -9`.
//!
//! A program applies each change to its own state and appends a record of it; the next start reads the records back. For state that fits
//! into memory and has one writer, as the in-memory bus of `underpin-events` and the in-memory buckets of `underpin-store`.
//!
//! ```
//! use std::sync::Arc;
//! use serde::{Deserialize, Serialize};
//! use underpin_journal::{Journal, JournalError, JournalSettings};
//! use underpin_logger::NoopLogger;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Added { amount: u64 }
//!
//! # fn main() -> Result<(), JournalError> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("sum.journal");
//! let settings = JournalSettings::new(&path);
//! let mut journal = Journal::open(&settings, Arc::new(NoopLogger), |_: Added| Ok(()))?;
//! journal.append([Added { amount: 2 }, Added { amount: 3 }])?;
//! drop(journal);
//!
//! let mut sum = 0;
//! let read = |added: Added| {
//!     sum += added.amount;
//!     Ok(())
//! };
//! Journal::open(&settings, Arc::new(NoopLogger), read)?;
//! assert_eq!(sum, 5);
//! # Ok(()) }
//! ```
//!
//! * [`Journal`]: append, and rewrite once most of the file is obsolete.
//! * [`JournalSync`]: whether a record counts once the operating system has it or once it is on the disk; [`SharedSync`] lets callers that
//!   wait at the same time share one `fsync`.
//! * [`FileLock`]: one process at a time.
//!
//! # What a start finds
//!
//! A record that was written in part is cut off. Damage with a whole record behind it is refused: no process that dies leaves that. After a
//! failed write nothing more is accepted, so that what was acknowledged stays readable.

mod error;
mod folder;
mod frame;
mod journal;
mod lock;
mod read;
mod settings;
mod shared_sync;

pub use error::JournalError;
pub use journal::Journal;
pub use lock::FileLock;
pub use settings::{JournalSettings, JournalSync};
pub use shared_sync::SharedSync;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
