//! Request-reply services and queue groups over NATS, interoperable with NATS micro, with an in-memory twin.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use underpin_errors::Error;
//! use underpin_logger::Context;
//! use underpin_rpc::memory::MemoryRpc;
//! use underpin_rpc::{Call, CallerExt, Host, Method, Service};
//!
//! // In a crate that both sides share.
//! #[derive(Serialize, Deserialize)]
//! struct Add { a: i64, b: i64 }
//! const ADD: Method<Add, i64> = Method::new("math", "add").idempotent();
//!
//! // The service.
//! async fn add(q: Add, _: Call) -> Result<i64, Error> {
//!     q.a.checked_add(q.b).ok_or_else(|| Error::bad_request("the sum is too large").violation("a", "too large"))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let rpc = MemoryRpc::new(); // or NatsRpc::new(connection, RpcSettings::default(), log)?
//! let running = rpc.serve(Service::new("math", "1.0.0").on(&ADD, add).limit(64)).await?;
//!
//! // The caller.
//! let sum = rpc.ask(&ADD, &Context::background(), &Add { a: 19, b: 23 }).await?;
//! assert_eq!(sum, 42);
//!
//! running.drain(std::time::Duration::from_secs(5)).await;
//! # Ok(()) }
//! ```
//!
//! # The parts
//!
//! * [`Method`]: a constant with the types of question and answer, shared by both sides. [`Method::version`] offers two versions side by
//!   side.
//! * [`Caller`] calls, gathers from many instances and sends without a reply; [`CallerExt`] has the typed calls and discovery.
//! * [`Handler`] answers a [`Call`]; [`typed`] and [`typed_with`] make one out of an async function, and [`layer`] wraps it into tower
//!   layers.
//! * [`Service`] lists endpoints with their limits and queue groups; [`Host::serve`] starts an instance, [`Running`] drains it.
//! * `nats::NatsRpc` and [`memory::MemoryRpc`] are callers and hosts. Both pass the `conformance` suite.
//!
//! # What a call can rely on
//!
//! * Without an instance it fails at once, with [`RpcError::NoResponders`]. A lost connection ends it with [`RpcError::Lost`].
//! * The service knows how long its caller waits. A call that comes too late is not run, and the calls that a handler makes end no later
//!   than its own.
//! * An overloaded endpoint refuses at once. A panic is an internal error of one call.
//! * Errors keep kind, code and violations. The text of a 5xx stays in the service.
//! * [`RpcError::is_ambiguous`] tells whether a failed call may have been handled. Only idempotent calls are retried.

mod call;
mod call_meters;
mod caller;
mod deadline;
mod endpoint;
mod engine;
mod error;
mod gather;
mod group;
mod handler;
mod header_names;
mod headers;
mod host;
mod identity;
pub mod layer;
pub mod memory;
mod meters;
mod method;
mod micro;
mod names;
#[cfg(feature = "nats")]
pub mod nats;
mod panic;
mod prepared;
mod propagate;
mod remote_error;
mod request;
mod retry;
mod service;
mod settings;
mod spans;
mod typed;

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "testing")]
pub mod testing;

pub use call::Call;
pub use caller::{Caller, CallerExt};
pub use endpoint::Endpoint;
pub use error::RpcError;
pub use gather::Gather;
pub use group::Group;
pub use handler::{Handler, handler_fn, handler_fn_with};
pub use headers::Headers;
pub use host::{DrainOutcome, Host, Running};
pub use identity::Identity;
pub use meters::describe_metrics;
pub use method::Method;
pub use micro::{EndpointInfo, EndpointStats, Permissions, ServiceInfo, ServicePing, ServiceStats};
pub use remote_error::RemoteError;
pub use request::{Reply, Request};
pub use service::Service;
pub use settings::RpcSettings;
pub use typed::{typed, typed_with};

#[cfg(all(doctest, feature = "nats"))]
#[doc = include_str!("../README.md")]
struct Readme;
