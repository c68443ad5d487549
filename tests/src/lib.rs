//! The gluing test and the fault tests of the whole family, over real PostgreSQL and NATS.
//!
//! The tests are in `tests/`. This crate holds what they need besides: the binary `orders-under-test`, which is the orders
//! service again (cargo tells a test the path of the binaries of its own package, and of no other), and the [`chaos`] run.
//! Its doc tests are the code in the README of the workspace and in `docs/`.

pub mod chaos;

/// The README of the workspace and the guides, as `build.rs` prepares them, so that their code is compiled and run.
/// `docs/migrate-config.md` is in `underpin-config`, whose tests need no other crate.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!(concat!(env!("OUT_DIR"), "/README.md"))]
    pub struct Readme;

    #[doc = include_str!(concat!(env!("OUT_DIR"), "/start.md"))]
    pub struct Start;

    #[doc = include_str!(concat!(env!("OUT_DIR"), "/testing.md"))]
    pub struct Testing;

    #[doc = include_str!(concat!(env!("OUT_DIR"), "/migrate.md"))]
    pub struct Migrate;

    #[doc = include_str!(concat!(env!("OUT_DIR"), "/outbox.md"))]
    pub struct Outbox;

    #[doc = include_str!(concat!(env!("OUT_DIR"), "/production.md"))]
    pub struct Production;

    #[doc = include_str!(concat!(env!("OUT_DIR"), "/upgrade.md"))]
    pub struct Upgrade;
}
