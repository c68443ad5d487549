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
//! - [`settings`](Settings): the settings and their sources
//! - `order`, `event`: what an order is and how it is read, and the event about it
//! - `store`: tables and queries
//! - `app`: the operations
//! - `http`: the HTTP API
//! - `consumer`: the projection
//! - `arguments`, `process`: the command line and the process
//! - `dead_letters`, `migrate`: the operator's commands
//! - `bus`, [`service`](Service), `signals`: the parts that run, their start and their shutdown

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
