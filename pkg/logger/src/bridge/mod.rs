//! Records of dependencies that speak `tracing` or `log` enter the same stream, with the request id of the task that
//! they run in.

mod event;
mod install;
mod log_bridge;
mod owned;

mod tracing_layer;

pub use install::BridgeError;
pub(crate) use install::{install, levels_changed};
pub use log_bridge::LogBridge;
pub use tracing_layer::TracingLayer;
