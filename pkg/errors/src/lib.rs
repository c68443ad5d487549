//! One error type for a service: kinds, public and internal text kept apart, problem+json, health.
//!
//! A failure has two readers. The caller gets a status, a stable machine code and, for a 4xx, a text; the operator gets
//! everything else. [`Error`] keeps the two apart by construction: the text of a 5xx, every context and every source
//! stay inside the process.
//!
//! ```
//! use underpin_errors::{Error, Kind, ResultExt};
//!
//! fn load(id: u64) -> Result<String, Error> {
//!     if id == 0 {
//!         return Err(Error::bad_request("the order is not valid").violation("id", "must be positive"));
//!     }
//!     std::fs::read_to_string("/nowhere/orders").wrap_err(Kind::Unavailable, "read the order file")
//! }
//!
//! let error = load(42).unwrap_err().code("STORE_DOWN");
//! assert!(error.report().to_string().starts_with("read the order file: "));
//! assert_eq!(error.to_response().status_code, 503);
//! assert_eq!(error.to_response().error_code, "STORE_DOWN");
//! assert!(!error.to_response().message.contains("order file"));
//! ```
//!
//! * [`Kind`]: 16 classes of failure, one table to HTTP and gRPC.
//! * [`Error`], [`Classify`], [`ResultExt`]: build one, turn a domain enum into one through `?`, add context.
//! * [`chain`], [`Report`]: print an error and its causes, each once.
//! * [`Problem`], [`ErrorResponse`], [`Error::from_remote`]: bodies, there and back.
//! * `axum`, `tonic` (features of the same name): errors as answers, and back.
//! * `RetryPolicy` (feature `retry`): a call again where its error allows it, with jitter, `Retry-After` and a deadline.
//! * `Health`, `HealthCheck`, `HealthChecks`: what components report (feature `health`, on by default).

#[cfg(feature = "axum")]
pub mod axum;
mod bounded;
mod chain;
mod classify;
pub mod code;
mod error;
#[cfg(feature = "health")]
mod health;
#[cfg(feature = "input")]
pub mod input;
mod kind;
mod limits;
mod panic;
mod problem;
mod remote;
mod response;
mod result_ext;
#[cfg(feature = "retry")]
mod retry;
mod retry_after;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tonic")]
pub mod tonic;
mod violation;

pub use chain::{Report, chain};
pub use classify::Classify;
pub use error::{BoxError, Error};
#[cfg(feature = "health")]
pub use health::{Health, HealthCheck, HealthChecks, HealthReport, HealthStatus};
pub use kind::Kind;
pub use problem::Problem;
pub use response::ErrorResponse;
pub use result_ext::ResultExt;
#[cfg(feature = "retry")]
pub use retry::RetryPolicy;
pub use violation::{Location, Violation};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
