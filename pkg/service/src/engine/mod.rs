//! From the first component to the last.
//!
//! `drive` runs the two halves on the calling thread: `starting` builds, checks and starts, and then waits for the end; `stopping`
//! stops whatever was opened, whatever ended the start. A second signal ends both at once.
#![allow(
    clippy::future_not_send,
    reason = "driven by block_on on the main thread, so that nothing of an adopter's closure needs to be Send"
)]

#[cfg(feature = "commands")]
mod command;
mod drive;
mod ended;
mod reason;
mod starting;
mod stopping;

#[cfg(feature = "commands")]
pub(crate) use command::{CommandEnded, drive_command};
pub(crate) use drive::drive;
pub use ended::Ended;
