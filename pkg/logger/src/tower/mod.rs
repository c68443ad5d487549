//! For tower and axum: one line a request, the request id in and out, and errors of peers (feature `tower`).
//!
//! # Examples
//!
//! ```
//! use std::sync::Arc;
//! use axum::{Extension, Router, routing::get};
//! use underpin_logger::{Context, Logger, NoopLogger, info, tower::RequestLayer};
//!
//! async fn order(Extension(ctx): Extension<Context>) -> &'static str {
//!     info!(NoopLogger, &ctx, "order looked at"); // carries the request id
//!     "tea"
//! }
//!
//! let log: Arc<dyn Logger> = Arc::new(NoopLogger);
//! let app: Router = Router::new()
//!     .route("/orders/{id}", get(order))
//!     .layer(RequestLayer::new(log).quiet("/health"));
//! ```
//!
//! To have the id in the problem body too, add `underpin_errors::axum::stamp_request_id` as the next outer layer.

mod answer;
mod client;
mod config;
mod future;
mod headers;
mod layer;
mod outcome;
mod request_span;
mod route;
mod service;

pub use client::{ClientLayer, ClientService};
pub use future::RequestFuture;
pub use headers::{extract, inject};
pub use layer::RequestLayer;
pub use route::Route;
pub use service::RequestService;
