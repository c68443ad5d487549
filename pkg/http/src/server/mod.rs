//! The server: accepts connections, holds each to its limits, and stops.

mod accept;
mod connection;
mod drive;
mod io;
mod listener;
mod meters;
mod request;
mod state;
#[cfg(feature = "tls")]
mod tls;

pub use listener::HttpServer;
