use std::any::Any;

use ::axum::response::{IntoResponse as _, Response};

use crate::panic::panic_text;
use crate::{Error, code};

/// 404 with the code `ROUTE_NOT_FOUND`; for `Router::fallback`.
#[allow(clippy::unused_async, reason = "a handler is an async function")]
pub async fn route_not_found() -> Error {
    Error::not_found("no route has this path").code(code::ROUTE_NOT_FOUND)
}

/// 405 with the code `METHOD_NOT_ALLOWED`; for `Router::method_not_allowed_fallback`.
#[allow(clippy::unused_async, reason = "a handler is an async function")]
pub async fn method_not_allowed() -> Error {
    Error::http(405, "this path does not support this method").code(code::METHOD_NOT_ALLOWED)
}

/// 500 for a handler that panicked; for `CatchPanicLayer::custom` of tower-http. The panic's text is for the log.
#[allow(clippy::needless_pass_by_value, reason = "the signature that CatchPanicLayer takes")]
pub fn panicked(payload: Box<dyn Any + Send>) -> Response {
    Error::internal(panic_text(&*payload).to_owned()).context("handler panicked").into_response()
}
