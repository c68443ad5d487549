//! What every backend of [`Objects`](crate::Objects) promises.

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
