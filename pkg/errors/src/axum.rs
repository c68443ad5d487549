//! For axum: errors as answers, and rejections that name the field (feature `axum`).
//!
//! * [`Error`](crate::Error), [`Problem`](crate::Problem) and [`HealthReport`](crate::HealthReport) are `IntoResponse`: a handler returns
//!   `Result<_, Error>`. The answer is `application/problem+json` with `Retry-After` where there is a pause, and the
//!   error itself travels in the response extensions as `Arc<Error>` for the layer that logs it once.
//! * [`Json`], [`Query`] and [`Path`] extract like axum's and reject with an error that names the field. axum's own
//!   rejections convert into [`Error`](crate::Error) too.
//! * [`route_not_found`], [`method_not_allowed`], [`panicked`] and [`plain_errors_to_problems`] see to the answers that no
//!   handler gives.
//!
//! # The request id in the body
//! An error does not know its request. [`stamp_request_id`] writes the id of the response's `x-request-id` header into
//! the problem on its way out. Put it **outside** the layer that sets this header (the request layer of
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
//! Whoever knows the id by other means calls [`attach_request_id`] with it.

mod extract;
mod fallback;
mod plain;
mod rejection;
mod request_id;
mod response;

pub use extract::{Json, Path, Query};
pub use fallback::{method_not_allowed, panicked, route_not_found};
pub use plain::plain_errors_to_problems;
pub use request_id::{REQUEST_ID, attach_request_id, stamp_request_id};
