//! One behaviour suite for every implementation of [`Caller`](crate::Caller) and [`Host`](crate::Host): what the traits promise, as tests.
//!
//! An implementation provides a [`Harness`] and calls [`conformance_tests!`](crate::conformance_tests) in an integration test. Each
//! behaviour becomes a test.
//!
//! # Examples
//! ```no_run
//! use std::sync::Arc;
//! use underpin_rpc::conformance::{Harness, Rpc};
//! use underpin_rpc::memory::MemoryRpc;
//!
//! struct Memory(MemoryRpc);
//!
//! #[async_trait::async_trait]
//! impl Harness for Memory {
//!     async fn start() -> Self { Self(MemoryRpc::new()) }
//!     async fn rpc(&self) -> Arc<dyn Rpc> { Arc::new(self.0.clone()) }
//! }
//!
//! underpin_rpc::conformance_tests!(Memory);
//! # fn main() {}
//! ```
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a suite of assertions: every function panics when the behaviour that its name tells is missing"
)]

pub mod calls;
pub mod deadlines;
pub mod discovery;
pub mod draining;
pub mod errors;
mod fixtures;
pub mod groups;
mod harness;
pub mod limits;
pub mod propagation;
pub mod sizes;
mod suite;

pub use fixtures::{eventually, request, within};
pub use harness::{Harness, Rpc};
