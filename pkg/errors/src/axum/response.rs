use std::sync::Arc;

use ::axum::body::Body;
use ::axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use crate::{Error, ErrorResponse, Problem};

/// The problem, with the error kept in the extensions as `Arc<Error>`.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.to_problem().into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// The document with its status; 500 where the document names none.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(body(&self));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(Self::MEDIA_TYPE));
        set_retry_after(&mut response, self.retry_after_seconds());
        response.extensions_mut().insert(Rendered(self));
        response
    }
}

/// The short body with its status, as `application/json`. Unlike [`Error`], it leaves no error for the log.
impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status_code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, ::axum::Json(self)).into_response();
        set_retry_after(&mut response, None);
        response
    }
}

#[cfg(feature = "health")]
impl IntoResponse for crate::HealthReport {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.status.http_status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let headers = [(http::header::CACHE_CONTROL, "no-store")];
        let mut response = (status, headers, ::axum::Json(self)).into_response();
        set_retry_after(&mut response, None);
        response
    }
}

/// The delay that the error names. A 503 that names none asks for a second, so that clients and proxies do not retry at once.
fn set_retry_after(response: &mut Response, seconds: Option<u64>) {
    let default = (response.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
    if let Some(seconds) = seconds.or(default) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// The document behind a response, kept so that it can be rendered again with a request id.
#[derive(Clone)]
pub(super) struct Rendered(pub(super) Problem);

pub(super) fn body(problem: &Problem) -> Body {
    // A map with text keys always serialises; an empty body is what is left to say if it ever did not.
    serde_json::to_vec(problem).map_or_else(|_| Body::empty(), Body::from)
}
