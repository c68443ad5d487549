//! Download, whole or in part.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use underpin_errors::Error;
use underpin_errors::axum::Path;
use underpin_logger::Context;
use underpin_objects::GetObject;
use underpin_service::http::openapi::Problem;

use super::range::{Wanted, wanted};
use super::{App, parse};

const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The data of a file, or the part that `Range` names.
#[utoipa::path(
    get, path = "/api/v1/files/{id}", tag = "files",
    params(("id" = String, Path), ("range" = Option<String>, Header, description = "one range, such as `bytes=0-499`")),
    responses(
        (status = 200, content_type = "application/octet-stream", body = String),
        (status = 206, content_type = "application/octet-stream", body = String),
        (status = 304), (status = 404, body = Problem), (status = 416, body = Problem),
    ),
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let file = app.files.find(&ctx, parse(&id)?).await?;
    // The data of an id never changes, so its digest is its version.
    let etag = format!("\"{}\"", file.sha256);
    let (part, options) = match wanted(&headers, &etag, file.size) {
        Wanted::Nothing => return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response()),
        Wanted::Unsatisfiable => {
            let error = Error::http(416, "the range is not in the file").code("RANGE_NOT_SATISFIABLE");
            return Ok(([(CONTENT_RANGE, format!("bytes */{}", file.size))], error).into_response());
        }
        Wanted::All => (0..file.size, GetObject::default()),
        Wanted::Part(part) => (part.clone(), GetObject::default().range(part)),
    };
    let range = options.range.is_some().then(|| {
        let range = format!("bytes {}-{}/{}", part.start, part.end - 1, file.size);
        (StatusCode::PARTIAL_CONTENT, [(CONTENT_RANGE, range)])
    });
    let data = Body::from_stream(app.files.open(&file, options).await?);
    // What came from a stranger runs nowhere: browsers save it, guess no other type (`nosniff` is on every response), and would run
    // nothing of it in a frame.
    let name = utf8_percent_encode(&file.name, PLAIN);
    let described = [
        (CONTENT_TYPE, file.content_type),
        (CONTENT_DISPOSITION, format!("attachment; filename*=UTF-8''{name}")),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
        (CONTENT_LENGTH, (part.end - part.start).to_string()),
        (ACCEPT_RANGES, "bytes".to_owned()),
        (ETAG, etag),
        // A deleted file is gone for caches too.
        (CACHE_CONTROL, "private, no-cache".to_owned()),
    ];
    Ok(match range {
        Some((status, range)) => (status, range, described, data).into_response(),
        None => (described, data).into_response(),
    })
}
