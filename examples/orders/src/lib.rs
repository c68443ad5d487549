//! A service that uses the whole family: orders come in over HTTP, events go out, a consumer keeps a projection, and one request
//! id connects log lines, event and error body of each request.
//!
//! ```text
//!  POST /orders ─► http ─► app ──┬─ orders ─┐ one transaction
//!                                └─ outbox ─┘
//!                                     │ relay
//!                                     ▼
//!                                    bus ─► consumer ─► inbox + order_stats, one transaction ─► GET /stats
//! ```
//!
//! Read it in this order:
//! - [`build`]: the components of the service, in the order of their start
//! - [`settings`](Settings): the settings and their sources
//! - `order`, `event`: what an order is and how it is read, and the event about it
//! - `store`: tables and queries
//! - `app`: the operations
//! - `http`: the HTTP API
//! - `consumer`: the projection

mod app;
mod build;
mod consumer;
mod event;
mod greeting;
mod http;
mod order;
mod settings;
mod store;

pub use build::build;
pub use settings::Settings;
