//! The gluing test and the fault tests of the whole family, over real PostgreSQL and NATS.
//!
//! The tests are in `tests/`. This crate holds what they need besides: the binary `orders-under-test`, which is the orders
//! service again (cargo tells a test the path of the binaries of its own package, and of no other), and the [`chaos`] run.

pub mod chaos;

/// The README of the workspace, so that its code is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
