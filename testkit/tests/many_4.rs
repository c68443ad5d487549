//! One of four binaries with eight tests each: all 32 share one PostgreSQL and take a few seconds together.
#![cfg(feature = "fixtures")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod many;

many::eight_tests!(one two three four five six seven eight);
