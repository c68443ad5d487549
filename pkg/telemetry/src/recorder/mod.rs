//! The recorder of metrics: Prometheus' exporter behind a cap on series, with gauges of the process.

mod capped;
mod gauges;
mod handle;
mod names;
mod process;

pub use handle::Metrics;
#[cfg(feature = "otlp")]
pub(crate) use names::{dropped, exported};
