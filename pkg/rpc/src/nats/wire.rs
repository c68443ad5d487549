//! Headers between this crate and the client library.

use std::borrow::Cow;

use tokio::time::Instant;
use underpin_nats::async_nats::{HeaderMap, HeaderName, HeaderValue, Message};

use crate::error::RpcError;
use crate::headers::Headers;
use crate::prepared::PreparedRequest;
use crate::remote_error::RemoteError;
use crate::request::Reply;

/// The headers of a request that is sent `now`. They are checked before, so that nothing is left out here.
pub(super) fn of_request(request: &PreparedRequest, now: Option<Instant>) -> HeaderMap {
    let mut map = HeaderMap::new();
    request.each_header(now, |name, value| put(&mut map, name, value));
    map
}

/// Headers for the client; none for none. They are checked before, too.
pub(super) fn to_map(headers: &Headers) -> Option<HeaderMap> {
    if headers.is_empty() {
        return None;
    }
    let mut map = HeaderMap::new();
    for (name, value) in headers.pairs() {
        put(&mut map, name.clone(), value.into());
    }
    Some(map)
}

fn put(map: &mut HeaderMap, name: Cow<'static, str>, value: Cow<'_, str>) {
    let name = match name {
        Cow::Borrowed(name) => Ok(HeaderName::from_static(name)),
        Cow::Owned(name) => name.parse(),
    };
    if let Ok(name) = name
        && !value.contains(['\r', '\n'])
    {
        map.insert(name, HeaderValue::from(value.into_owned()));
    }
}

/// How many headers of a message are read. A message of 1 MiB can hold 200,000 names, each of which is compared with the others.
const MAX_HEADERS: usize = 128;

pub(super) fn from_map(map: Option<&HeaderMap>) -> Headers {
    let Some(map) = map else { return Headers::new() };
    let mut headers = Headers::with_capacity(map.len().min(MAX_HEADERS));
    for (name, values) in map.iter().take(MAX_HEADERS) {
        if let Some(value) = values.first() {
            headers.push_first(name.as_ref(), value.as_str());
        }
    }
    headers
}

/// The reply in a message, or the error in it.
pub(super) fn read(message: Message) -> Result<Reply, RpcError> {
    let headers = from_map(message.headers.as_ref());
    match RemoteError::read(&headers, &message.payload) {
        Some(error) => Err(RpcError::Remote(error)),
        None => Ok(Reply { body: message.payload, headers }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back() {
        let headers = Headers::new().with("x-tenant", "acme").with("Content-Type", "application/json");
        let back = from_map(to_map(&headers).as_ref());
        assert_eq!((back.len(), back.get("X-Tenant")), (2, Some("acme")));
        assert!(to_map(&Headers::new()).is_none());
        let many: HeaderMap =
            (0..1000).map(|n| (format!("a{n}").parse().unwrap(), "x".parse().unwrap())).collect();
        assert_eq!(from_map(Some(&many)).len(), MAX_HEADERS);
    }
}
