//! One behaviour suite for every key-value backend, one for every rate limiter, and one for every feed of invalidations: what the traits
//! promise, as tests.
//!
//! A backend implements [`KeyValueHarness`] and calls [`key_value_tests!`](crate::key_value_tests) in an integration test. Each
//! behaviour becomes a test. What a backend cannot do it declares in [`StoreCapabilities`]; the suite then checks the
//! refusal instead of skipping.
//!
//! # Examples
//! ```no_run
//! use std::sync::Arc;
//! use underpin_store::conformance::{KeyValueHarness, StoreCapabilities};
//! use underpin_store::{BucketSettings, KeyValue, MemoryKeyValue};
//!
//! struct Memory;
//!
//! #[async_trait::async_trait]
//! impl KeyValueHarness for Memory {
//!     async fn start() -> Self { Memory }
//!     async fn bucket(&self, settings: BucketSettings) -> Arc<dyn KeyValue> {
//!         Arc::new(MemoryKeyValue::new(settings).expect("valid settings"))
//!     }
//!     fn capabilities(&self) -> StoreCapabilities { StoreCapabilities::default() }
//! }
//!
//! underpin_store::key_value_tests!(Memory);
//! # fn main() {}
//! ```
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a suite of assertions: every function panics when its behaviour is missing"
)]

pub mod basics;
pub mod conditional;
pub mod expiry;
pub mod feeds;
mod fixtures;
mod harness;
pub mod leases;
pub mod limits;
pub mod rate_limits;
pub mod sessions;
mod suite;
pub mod watching;

pub use feeds::InvalidationFeedHarness;
pub use harness::{KeyValueHarness, StoreCapabilities};
pub use rate_limits::RateLimiterHarness;
