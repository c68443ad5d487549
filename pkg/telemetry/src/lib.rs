//! Traces and logs to OTLP, metrics to Prometheus, for a service.
//!
//! ```
//! use std::sync::Arc;
//! use underpin_logger::NoopLogger;
//! use underpin_telemetry::{ServiceIdentity, Telemetry, TelemetrySettings};
//!
//! # fn main() -> Result<(), underpin_telemetry::TelemetryError> {
//! let identity = ServiceIdentity::new("orders", "1.4.0");
//! let telemetry = Telemetry::start(&TelemetrySettings::default(), &identity, Arc::new(NoopLogger))?;
//! if let Some(metrics) = telemetry.metrics() {
//!     metrics::counter!("orders_placed_total").increment(1);
//!     assert!(metrics.render().contains("orders_placed_total 1"));
//! }
//! # Ok(()) }
//! ```
//!
//! # The parts
//!
//! * [`Telemetry`] starts everything and stops it: one handle, cheap to clone.
//! * [`TelemetrySettings`], with the `OTEL_*` variables for what the settings leave open.
//! * **Metrics**: [`Metrics`] renders what the `metrics` facade records, in the text format of Prometheus, with fixed buckets, a cap on series,
//!   and gauges of the process and of tokio.
//! * **Export** (feature `otlp`): spans of [`Context::span`](underpin_logger::Context::span) and lines of the log go to a collector, over gRPC or
//!   HTTP/protobuf, from a thread with a separate runtime.
//! * **Tests** (feature `testing`): [`testing`] has both in memory.
//!
//! # Guarantees
//!
//! Telemetry never makes the service wait and never grows: queues are bounded, and what does not fit is dropped and counted in
//! `underpin_telemetry_dropped_total`. The export is not exported itself. A recorder or span sink that the process already has stays.

#![forbid(unsafe_code)]

mod error;
mod identity;
#[cfg(feature = "otlp")]
mod otlp;
mod recorder;
mod sampler_name;
mod settings;
mod telemetry;

#[cfg(feature = "testing")]
pub mod testing;

pub use error::TelemetryError;
pub use identity::ServiceIdentity;
pub use recorder::Metrics;
pub use sampler_name::SamplerName;
pub use settings::{MetricsSettings, OtlpProtocol, OtlpSettings, TelemetrySettings};
pub use telemetry::Telemetry;

#[cfg(all(doctest, feature = "otlp", feature = "testing"))]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
