use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use underpin_errors::BoxError;

/// Boxed: reflection answers with a stream.
pub(super) type Reply = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// `{"status": ".."}`.
pub(super) fn status(code: StatusCode, word: &str) -> Reply {
    json_reply(code, &json!({ "status": word }))
}

pub(super) fn json_reply(code: StatusCode, body: &Value) -> Reply {
    reply(code, "application/json", body.to_string())
}

pub(super) fn text(code: StatusCode, body: String) -> Reply {
    reply(code, "text/plain; charset=utf-8", body)
}

pub(super) fn reply(code: StatusCode, content_type: &'static str, body: String) -> Reply {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
    let mut reply = Response::new(UnsyncBoxBody::new(body));
    *reply.status_mut() = code;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}
