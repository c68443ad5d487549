//! The span of a request, by the semantic conventions of OpenTelemetry.

use http::{Extensions, Method, Request, StatusCode, header::HOST};

use super::route::Route;
use crate::shorten::shortened;
use crate::{Context, Span, SpanKind};

/// What a caller chooses becomes an attribute up to this many bytes.
const LONGEST_VALUE: usize = 256;

/// Opens the span with which the request enters the process.
pub(super) fn open<B>(caller: Context, request: &Request<B>) -> Span {
    let method = known(request.method());
    let mut span = caller.into_entry_span(method, SpanKind::Server);
    if span.is_recording() {
        let path = shortened(request.uri().path(), LONGEST_VALUE).into_owned();
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        span.set("http.request.method", method);
        span.set("url.path", path);
        if let Some(host) = host.or_else(|| request.uri().host()) {
            span.set("server.address", &*shortened(host, LONGEST_VALUE));
        }
    }
    span
}

/// Notes the answer: the name becomes `GET /orders/{id}`, and a 5xx is an error.
pub(super) fn answered(span: &mut Span, method: &Method, status: StatusCode, extensions: &Extensions) {
    if !span.is_recording() {
        return;
    }
    if let Some(route) = extensions.get::<Route>() {
        span.rename(|| format!("{} {}", known(method), route.as_str()));
        span.set("http.route", route.as_str());
    }
    span.set("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.set("error.type", status.as_str());
        span.fail_with(|| status.to_string());
    }
}

/// The method, if it is one of the standard's: a caller may invent any number of others.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}
