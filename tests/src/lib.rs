//! Chaos runs: processes that die at any moment around an outbox and an inbox ([`chaos`]), jobs ([`jobs_chaos`]) and a store
//! ([`store_chaos`]), over real servers.
//!
//! The tests are in `tests/it`. The doc tests of this crate are the code in the README of the workspace and in `docs/`; [`recipes`] and
//! [`greeter`] are for those of `docs/recipes/`.

pub mod chaos;
pub mod greeter;
pub mod jobs_chaos;
pub mod process;
pub mod recipes;
pub mod store_chaos;

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

    // A type for each page of `docs/recipes`.
    include!(concat!(env!("OUT_DIR"), "/recipes.rs"));
}
