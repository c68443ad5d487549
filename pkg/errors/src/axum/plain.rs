use std::time::Duration;

use ::axum::body::{Body, to_bytes};
use ::axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};

use crate::Error;

/// Turns error answers in plain text into problems; for `axum::middleware::map_response`, inside
/// [`stamp_request_id`](super::stamp_request_id).
///
/// Some errors do not pass through a handler: axum rejects a missing extension or a bad form in plain text, a time limit or
/// a load shedder of tower answers with an empty body. Such an answer becomes a problem of the same status and keeps its
/// headers. Its text is the public text of a 4xx and a context for the log of a 5xx, where axum would show the names
/// of types. A text of more than 2 KiB, or one that is not complete after a second (a stream), is dropped. An answer with
/// any other content type passes unchanged.
///
/// # Panics
/// Outside a tokio runtime with its timer enabled.
///
/// # Examples
/// ```
/// use axum::http::StatusCode;
/// use axum::response::{Html, IntoResponse};
/// use underpin_errors::axum::plain_errors_to_problems;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let plain = (StatusCode::METHOD_NOT_ALLOWED, [("allow", "GET")], "use GET").into_response();
/// let problem = plain_errors_to_problems(plain).await;
/// assert_eq!((problem.status(), &problem.headers()["allow"]), (StatusCode::METHOD_NOT_ALLOWED, &"GET".parse().unwrap()));
/// assert_eq!(problem.headers()["content-type"], "application/problem+json");
///
/// let page = plain_errors_to_problems((StatusCode::NOT_FOUND, Html("<h1>404</h1>")).into_response()).await;
/// assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
/// # }
/// ```
pub async fn plain_errors_to_problems(response: Response) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || !is_plain(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let text = text_of(body).await;
    let error = if text.is_empty() {
        Error::with_status(status.as_u16(), None)
    } else {
        Error::http(status.as_u16(), text)
    };

    let (problem, body) = error.context("answered in plain text").into_response().into_parts();
    let retry_after = parts.headers.remove(RETRY_AFTER);
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.extend(problem.headers);
    if let Some(delay) = retry_after {
        parts.headers.insert(RETRY_AFTER, delay);
    }
    parts.extensions.extend(problem.extensions);
    Response::from_parts(parts, body)
}

fn is_plain(headers: &HeaderMap) -> bool {
    let plain = headers.get(CONTENT_TYPE).is_none_or(|media| media.as_bytes().starts_with(b"text/plain"));
    plain && !headers.contains_key(CONTENT_ENCODING)
}

/// The text, if it is short and complete.
async fn text_of(body: Body) -> String {
    const MAX_BYTES: usize = 2048;
    const WITHIN: Duration = Duration::from_secs(1);
    match tokio::time::timeout(WITHIN, to_bytes(body, MAX_BYTES)).await {
        Ok(Ok(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        Ok(Err(_)) | Err(_) => String::new(),
    }
}
