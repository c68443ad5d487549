//! One NATS connection for every part of a service that needs one: settings, credentials, link state, bounded calls.
//!
//! `underpin-events`, `underpin-store` and `underpin-rpc` stand on it and can share one [`Connection`]. Use it directly for plain
//! NATS messaging, or to hand one connection to all three.
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//! use underpin_logger::NoopLogger;
//! use underpin_nats::{Connection, NatsSettings};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = NatsSettings::new("nats://a:4222").servers(["nats://a:4222", "nats://b:4222"]);
//! let nats = Connection::connect(&settings, Arc::new(NoopLogger)).await?;
//! let until = tokio::time::Instant::now() + Duration::from_secs(2);
//! let answer = nats.request("time".into(), None, "".into(), until).await?;
//! assert!(!answer.payload.is_empty());
//! # Ok(()) }
//! ```
//!
//! # What it adds to async-nats
//!
//! * [`Connection::link`] tells whether there is a server, and counts losses in an epoch: a request of an earlier epoch gets no
//!   answer, so [`Connection::request`] ends with the link instead of at its timeout.
//! * Every call is bounded, and none is queued while disconnected.
//! * A permission error of the server, which is asynchronous, ends the request that it belongs to ([`NatsError::Unauthorized`]).
//! * The client is rebuilt when its task ends. Subscriptions end with it: [`Connection::session`] tells.
//! * Credentials and certificates are read again at each attempt to connect ([`AuthSettings`], [`CredentialsProvider`]).
//! * A server that announces its shutdown is left for another one before it closes the connection.
//! * [`jetstream`] (feature) is the JSON API of JetStream with declared streams.
//! * The connection is a [`HealthCheck`](underpin_errors::HealthCheck) with a round trip.

mod auth;
mod calls;
mod connect;
mod connection;
mod credentials;
mod deadline;
mod deadlines;
mod denial;
mod environment;
mod error;
mod health;
#[cfg(feature = "jetstream")]
pub mod jetstream;
mod lame_duck;
mod link;
mod meters;
mod numbered;
mod observer;
mod options;
mod pending;
mod pending_table;
mod reconnect;
mod reply_inbox;
mod server;
mod session;
mod session_local;
mod settings;
mod settings_credentials;
mod supervise;
#[cfg(feature = "testing")]
pub mod testing;
mod tls;

/// The client library below.
pub use async_nats;

pub use auth::AuthSettings;
pub use connection::Connection;
pub use credentials::{Credentials, CredentialsProvider};
pub use denial::Denial;
pub use error::NatsError;
pub use link::LinkState;
pub use meters::describe_metrics;
pub use reconnect::ReconnectSettings;
pub use reply_inbox::{Reply, ReplyInbox};
pub use session_local::SessionLocal;
pub use settings::NatsSettings;
pub use tls::TlsSettings;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
