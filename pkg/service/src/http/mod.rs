//! The HTTP server: HTTP/1 and HTTP/2 on one port, with limits on every connection and a stop that loses no request (feature `http`).
//!
//! ```
//! use axum::{Router, routing::get};
//! use underpin_service::testing::TestService;
//! use underpin_service::{Http, HttpSettings};
//!
//! # #[tokio::main] async fn main() {
//! let settings = HttpSettings::default().port(0);
//! TestService::new(())
//!     .run(
//!         async |start| {
//!             start.traffic(Http::new(&settings, Router::new().route("/", get(|| async { "hello" }))));
//!             Ok(())
//!         },
//!         async |service| assert!(service.address("http").is_some()),
//!     )
//!     .await;
//! # }
//! ```
//!
//! # Stop
//!
//! | when | HTTP/1 | HTTP/2 |
//! |---|---|---|
//! | `drain_grace` | still accepts; answers say `Connection: close` | still accepts |
//! | then | accepts no more; idle connections close, others after their answer | GOAWAY; open streams go on |
//! | at once | event streams end after the event that is being sent | the same |
//! | half of the time that is left | | gRPC streams end with `UNAVAILABLE` |
//! | shortly before the deadline | what is left is cut, counted and named in [`Stopped::Cut`](crate::Stopped::Cut) | the same |

mod accept;
mod component;
mod connection;
mod drive;
mod io;
mod meters;
mod request;
mod server;
mod settings;
mod standard;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod tls_settings;

pub use component::Http;
pub use settings::{Http2Settings, HttpSettings};
pub use standard::{CorsSettings, Standard, standard};
#[cfg(feature = "tls")]
pub use tls_settings::TlsSettings;
