//! The gluing test and the fault tests of the whole family, over real PostgreSQL and NATS.
//!
//! Everything is in `tests/`; this crate holds only the binary `orders-under-test`, which is the orders service again:
//! cargo tells a test the path of the binaries of its own package, and of no other.

/// The README of the workspace, so that its code is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
