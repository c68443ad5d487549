//! Metrics and spans in memory, for tests.
//!
//! Spans: [`CaptureSpans`]. Metrics: [`CaptureMetrics`].

mod capture_metrics;

pub use capture_metrics::CaptureMetrics;
pub use underpin_logger::testing::CaptureSpans;
