//! One behaviour suite for every backend: what the traits promise, as tests.
//!
//! A backend implements [`Harness`] and calls [`conformance_tests!`](crate::conformance_tests) in an integration test. Each
//! behaviour becomes a test. What a backend cannot do it declares in [`Capabilities`]; the suite then checks the
//! declared alternative instead of skipping.
//!
//! # Examples
//! ```no_run
//! use std::sync::Arc;
//! use underpin_events::conformance::{Bus, Capabilities, Harness};
//! use underpin_events::memory::MemoryBus;
//!
//! struct Memory;
//!
//! #[async_trait::async_trait]
//! impl Harness for Memory {
//!     async fn start() -> Self { Memory }
//!     async fn bus(&self) -> Arc<dyn Bus> { Arc::new(MemoryBus::new()) }
//!     fn capabilities(&self) -> Capabilities { Capabilities::default() }
//! }
//!
//! underpin_events::conformance_tests!(Memory);
//! # fn main() {}
//! ```
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a suite of assertions: every function panics when its behaviour is missing"
)]

pub mod dead_letters;
pub mod delivery;
pub mod failures;
mod fixtures;
mod harness;
pub mod lifecycle;
pub mod ordering;
pub mod publishing;
mod recorder;
mod suite;
pub mod waiting;

pub use fixtures::{event, eventually, options, within};
pub use harness::{Bus, Capabilities, Harness};
pub use recorder::{Recorder, Seen};
