//! Test doubles: [`MockLogger`] for interactions, [`CaptureLogger`] for what was logged.

mod capture;
mod mock;

pub use capture::{CaptureLogger, CapturedEntry};
pub use mock::MockLogger;
#[cfg(feature = "json")]
pub use mock::MockSink;
