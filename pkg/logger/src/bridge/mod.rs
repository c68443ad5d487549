//! Records of dependencies that speak `tracing` or `log` enter the same stream, with the request id of the task that
//! they run in.

mod caches;
mod event;
mod install;
mod log_bridge;
mod span_fields;
mod traced_span;
mod tracing_layer;

pub(crate) use caches::levels_changed;
pub use install::BridgeError;
pub use log_bridge::LogBridge;
pub use tracing_layer::TracingLayer;
