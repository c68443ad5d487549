//! An HTTP server for axum routes: limits on every connection, and a stop that loses no request.
//!
//! * [`HttpServer`]: HTTP/1 and HTTP/2 on one port, limits on every connection, TLS (feature `tls`), a stop with a deadline.
//! * [`standard`] and [`Standard`]: the layers of a service in one order: request id and log, metrics, security headers, CORS, requests in
//!   flight, time limit, panic containment, body limit.
//! * [`grpc`]: services of tonic as routes of the same server (feature `grpc`).
//! * [`Page`]: a page and the files it loads, from the binary, under a strict policy.
//! * [`openapi`]: a document of utoipa with Swagger UI, and the schema of errors (feature `openapi`).
//! * [`changes`]: a value that is asked for again and again, for server-sent events.
//! * [`HttpSettings`]: what can be set, with its defaults.
//!
//! `underpin-service` makes a component of it; without that crate it works alone:
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use axum::{Router, routing::get};
//! use underpin_http::{HttpServer, HttpSettings, standard};
//! use underpin_logger::NoopLogger;
//!
//! # #[tokio::main] async fn main() -> Result<(), underpin_errors::Error> {
//! let settings = HttpSettings::default().port(0);
//! let routes = Router::new().route("/", get(async || "hello"));
//! let server = HttpServer::new(&settings, standard(routes, &settings, Arc::new(NoopLogger)));
//! server.start().await?;
//! assert!(server.address().is_some());
//! assert_eq!(server.stop(Duration::from_secs(10)).await, 0, "no request was cut");
//! # Ok(())
//! # }
//! ```

mod changes;
#[cfg(feature = "grpc")]
pub mod grpc;
#[cfg(feature = "openapi")]
pub mod openapi;
mod page;
mod panics;
mod server;
mod serving;
mod settings;
mod standard;
#[cfg(feature = "tls")]
mod tls_settings;

pub use changes::changes;
pub use page::Page;
pub use server::HttpServer;
pub use serving::{Drain, ServingStatus};
pub use settings::{Http2Settings, HttpSettings};
pub use standard::{CorsSettings, Standard, standard};
#[cfg(feature = "tls")]
pub use tls_settings::TlsSettings;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
