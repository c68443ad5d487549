//! The binary of a service, driven from outside: started, asked over HTTP, killed, stopped, its log read.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "for tests: what does not work fails the test"
)]

mod exchange;
mod log;
mod process;

use std::time::Duration;

pub use exchange::{HttpExchange, HttpReply};
pub use log::ServiceLog;
pub use process::ServiceProcess;

/// Nothing that a test waits for takes this long on a healthy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);
