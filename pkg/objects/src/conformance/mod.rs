//! One behaviour suite for every backend: what [`Objects`](crate::Objects) promises, as tests.
//!
//! A backend implements [`ObjectsHarness`] and calls [`objects_tests!`](crate::objects_tests) in an integration test. Each behaviour becomes a
//! test. What a backend cannot do it declares in [`ObjectCapabilities`]; the suite then checks the refusal.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a suite of assertions: every function panics when its behaviour is missing"
)]

pub mod basics;
pub mod concurrent;
pub mod conditional;
pub mod expiring;
pub mod failing;
mod fixture;
mod harness;
pub mod listing;
mod suite;
pub mod watched;

pub use harness::{ObjectCapabilities, ObjectsHarness};
