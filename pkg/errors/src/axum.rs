//! For axum: errors as responses, and rejections that name the field (feature `axum`).
//!
//! * [`Error`](crate::Error), [`Problem`](crate::Problem) and [`HealthReport`](crate::HealthReport) are `IntoResponse`: a handler returns
//!   `Result<_, Error>`. The response is `application/problem+json`, with `Retry-After` for a 503 and where the error names a
//!   delay. The error itself is in the response extensions as `Arc<Error>`, for the layer that logs it.
//! * [`Json`], [`Query`] and [`Path`] extract like axum's and reject with an error that names the field. axum's own
//!   rejections convert into [`Error`](crate::Error) too.
//! * [`route_not_found`], [`method_not_allowed`], [`panicked`], [`time_limit`] and [`plain_errors_to_problems`] make the
//!   responses that do not come from a handler.
//!
//! # The request id in the body
//! [`stamp_request_id`] copies the `x-request-id` header of the response into the problem. Put it **outside** the layer that sets this header (the request layer of
//! `underpin-logger`, or tower-http's `PropagateRequestIdLayer`) and inside compression; in axum the layer added
//! later is the outer one:
//!
//! ```
//! use axum::{Router, middleware::map_response, routing::get};
//! use underpin_errors::Error;
//! use underpin_errors::axum::{Path, method_not_allowed, route_not_found, stamp_request_id};
//!
//! async fn order(Path(id): Path<u64>) -> Result<String, Error> {
//!     Err(Error::not_found(format!("no order {id}")).code("ORDER_NOT_FOUND"))
//! }
//!
//! let app: Router = Router::new()
//!     .route("/orders/{id}", get(order))
//!     .fallback(route_not_found)
//!     .method_not_allowed_fallback(method_not_allowed)
//!     // .layer(the layer that sets x-request-id)
//!     .layer(map_response(stamp_request_id));
//! ```
//!
//! With an id from elsewhere, call [`attach_request_id`].

mod extract;
mod fallback;
mod plain;
mod query;
mod rejection;
mod request_id;
mod response;
mod time_limit;

pub use extract::{Json, Path, Query};
pub use fallback::{method_not_allowed, panicked, route_not_found};
pub use plain::plain_errors_to_problems;
pub use request_id::{REQUEST_ID, attach_request_id, stamp_request_id};
pub use time_limit::time_limit;
