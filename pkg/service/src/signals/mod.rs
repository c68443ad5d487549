//! The signals that stop a service, or make it read its settings again.

mod manual;
mod os;
mod signal;
mod thread;

pub(crate) use self::manual::ManualSignals;
#[cfg(feature = "commands")]
pub(crate) use self::os::OsSignals;
pub use self::signal::Signal;
pub(crate) use self::signal::Signals;
pub(crate) use self::thread::{LastResort, SignalThread};
