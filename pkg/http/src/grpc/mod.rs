//! gRPC services as routes of the HTTP server (feature `grpc`).
//!
//! A tower layer or an interceptor that looks at the head of a response counts every streaming call as a success: the status of a call is in
//! its trailers. The layer here reads it there, or in the head of a response without a message.
//!
//! | what | how |
//! |---|---|
//! | log | one line a call, when it ends: method, code, latency, request id; a span of kind server |
//! | metrics | `rpc_server_duration_seconds{rpc_method, rpc_grpc_status_code}`, `rpc_server_active_calls` |
//! | panic | `INTERNAL`, before the response and in the middle of a stream |
//! | deadline | `grpc-timeout` for the whole call, the request timeout of the settings until the response begins: `DEADLINE_EXCEEDED` |
//! | calls at a time | `max_in_flight` of the settings, otherwise `UNAVAILABLE` |
//! | health | `grpc.health.v1`, from the checks and the state: `NOT_SERVING` as soon as the service drains, and watches end then |
//! | reflection | [`reflection`], as routes for another listener |
//! | stop | streams get half of the time, then end with `UNAVAILABLE` |

mod body;
mod call;
mod health;
mod layer;
mod meters;
mod reflection;
mod routes;
mod status;

pub use reflection::reflection;
pub use routes::Grpc;
