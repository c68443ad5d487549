//! Test doubles: [`MockLogger`] and [`MockSpanSink`] for interactions, [`CaptureLogger`] for what was logged, [`CaptureSpans`] for the
//! spans of a trace.

mod capture;
mod capture_spans;
mod mock;

pub use capture::{CaptureLogger, CapturedEntry};
pub use capture_spans::CaptureSpans;
#[cfg(feature = "json")]
pub use mock::MockSink;
pub use mock::{MockLogger, MockSpanSink};
