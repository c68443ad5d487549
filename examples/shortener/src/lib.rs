//! A URL shortener: links in a key-value bucket, clicks as events, live statistics, and rate limits over HTTP and NATS.
//!
//! ```text
//!  POST /api/v1/shorten ─► bucket: create if absent, with a time to live
//!                       └► database: row and event `link.created` in one transaction ─► outbox ─► bus
//!  GET /{shortCode}     ─► bucket ─► event `link.clicked` on the bus, stored ─► 302
//!                                        └► consumer: adds to the row, once per click ─► page, by server-sent events
//!  every route, every call ─► limit of the client ─► limit of all, in memory or in Valkey
//! ```
//!
//! Read it in this order:
//! - [`build`]: the components of the service, in the order of their start
//! - `link`: codes, targets, and the bucket in which a code is taken once
//! - `click`: the event of a click, and its projection
//! - `limit`: who is a client, and what it may take
//! - `shortener`: what HTTP and calls share
//! - `api`: the calls over NATS
//! - `http`: routes, events of the page, `openapi.json`
//! - [`Settings`]

mod api;
mod build;
mod click;
mod http;
mod limit;
mod link;
mod settings;
mod shortener;
mod tables;

pub use build::build;
pub use settings::{LimitSettings, LinkSettings, Settings};
