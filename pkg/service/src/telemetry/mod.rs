//! Traces, logs and metrics of `underpin-telemetry` as a plugin.

mod open;

pub use open::{TelemetryPlugin, telemetry};
