//! The journal of the in-memory bus: a file to which every change is appended, and from which the next start restores the state.

mod file;
mod folder;
mod frame;
mod record;
mod settings;

pub(super) use file::Journal;
pub(super) use record::{DeadLetterRecord, Record, millis};
pub use settings::{JournalSettings, JournalSync};
