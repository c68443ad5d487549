//! The service that shows the family: orders come in over HTTP, events go out, a projection follows, and one request id
//! holds the log lines, the event and the error body of each request together.
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
//! - [`settings`](Settings): what can be set, and from where
//! - `order`, `event`: what an order is and how it is read, and the event about it
//! - `store`: tables and queries
//! - `app`: what the service does
//! - `http`: the surface
//! - `consumer`: the projection
//! - `arguments`, `process`: what a start is for
//! - `dead_letters`: what an operator does about events that the consumer gave up
//! - `migrate`: what an operator does about the tables
//! - `bus`, [`service`](Service), `signals`: what runs, how it starts and how it ends

mod app;
mod arguments;
mod bus;
mod consumer;
mod dead_letters;
mod event;
mod greeting;
mod http;
mod migrate;
mod order;
mod process;
mod service;
mod settings;
mod signals;
mod store;

pub use process::main;
pub use service::Service;
pub use settings::{HttpSettings, Settings};
