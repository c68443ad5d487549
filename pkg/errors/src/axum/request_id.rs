use std::sync::Arc;

use ::axum::response::Response;
use http::HeaderName;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};

use super::response::{Rendered, body};
use crate::{Error, Problem};

/// The header that carries the id of a request, in and out.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Writes the id of the response's own `x-request-id` header into its problem; for `axum::middleware::map_response`.
///
/// Other responses pass unchanged. Belongs outside the layer that sets the header.
#[allow(clippy::unused_async, reason = "map_response takes an async function")]
pub async fn stamp_request_id(response: Response) -> Response {
    let id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
    match id {
        Some(id) => attach_request_id(response, id),
        None => response,
    }
}

/// Writes this id into the problem that the response carries.
///
/// A problem is ours if it was rendered by this module, or has its error in the extensions as `Arc<Error>`, as the refusals of a layer do. Any
/// other response passes unchanged, and so does one whose body a layer replaced (another content type) or compressed: attach before those layers.
pub fn attach_request_id(mut response: Response, id: impl Into<String>) -> Response {
    let headers = response.headers();
    let is_problem = headers.get(CONTENT_TYPE).is_some_and(|media| media == Problem::MEDIA_TYPE);
    if !is_problem || headers.contains_key(CONTENT_ENCODING) {
        return response;
    }
    let rendered = response.extensions_mut().remove().map(|Rendered(problem)| problem);
    let kept = || response.extensions().get::<Arc<Error>>().map(|error| error.to_problem());
    let Some(problem) = rendered.or_else(kept) else { return response };
    let problem = problem.with_request_id(id);
    *response.body_mut() = body(&problem);
    response.headers_mut().remove(CONTENT_LENGTH);
    response.extensions_mut().insert(Rendered(problem));
    response
}
