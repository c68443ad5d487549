//! The export over OTLP: from bounded queues, on one thread with a separate runtime.

mod build;
mod client;
mod env;
mod exporter;
mod line;
mod plan;
mod queue;
mod records;
mod sender;
mod sinks;
mod spans;
mod worker;

pub(crate) use exporter::Exporter;
pub(crate) use plan::exports_logs;
