use ::axum::body::{Body, to_bytes};
use ::axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};

use crate::Error;

/// Turns error answers in plain text into problems; for `axum::middleware::map_response`, inside
/// [`stamp_request_id`](super::stamp_request_id).
///
/// Not every error passes through a handler: axum rejects a missing extension or a bad form in plain text, a time limit or
/// a load shedder of tower answers with an empty body. Such an answer becomes a problem of the same status and keeps its
/// headers; its text is the public text of a 4xx and a context for the log of a 5xx, where axum would show the names
/// of types. An answer with any other content type was meant as it is and stays.
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
/// assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8", "it was meant as it is");
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
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.extend(problem.headers);
    parts.extensions.extend(problem.extensions);
    Response::from_parts(parts, body)
}

fn is_plain(headers: &HeaderMap) -> bool {
    let plain = headers.get(CONTENT_TYPE).is_none_or(|media| media.as_bytes().starts_with(b"text/plain"));
    plain && !headers.contains_key(CONTENT_ENCODING)
}

/// The text, if it is a short one: a stream that was meant for a client is no explanation.
async fn text_of(body: Body) -> String {
    const MAX_BYTES: usize = 2048;
    match to_bytes(body, MAX_BYTES).await {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => String::new(),
    }
}
