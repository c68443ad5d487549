//! The binary of a service, driven from outside: started, asked over HTTP, killed, stopped, its log read.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "for tests: what does not work fails the test"
)]

mod exchange;
mod limit;
mod log;
mod openapi;
pub(crate) mod process;

pub use exchange::{HttpExchange, HttpReply};
pub use log::ServiceLog;
pub use process::ServiceProcess;
