use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{Context, RequestId, TraceParent, TraceState};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// Writes the request id and the trace of a context to the headers of a request that is sent on its behalf.
///
/// Replaces `x-request-id`, `traceparent` and `tracestate`; what the context lacks is removed, so that headers copied from an
/// incoming request do not name another trace.
///
/// # Examples
///
/// ```
/// use http::HeaderMap;
/// use underpin_logger::{Context, RequestId, TraceParent, TraceState, tower::inject};
///
/// let ctx = Context::new(RequestId::parse("req-1").unwrap())
///     .with_trace(TraceParent::generate())
///     .with_trace_state(TraceState::parse("rojo=1").unwrap());
/// let call = ctx.child_span();
/// let mut headers = HeaderMap::new();
/// inject(&call, &mut headers);
/// assert_eq!(headers["x-request-id"], "req-1");
/// assert_eq!(headers["traceparent"], call.traceparent().unwrap());
/// assert_eq!(headers["tracestate"], "rojo=1");
/// ```
pub fn inject(ctx: &Context, headers: &mut HeaderMap) {
    headers.remove(REQUEST_ID);
    put_request_id(ctx, headers);
    for (name, value) in [(TRACE_PARENT, ctx.traceparent()), (TRACE_STATE, ctx.tracestate())] {
        headers.remove(&name);
        put(headers, name, value);
    }
}

pub(super) fn put_request_id(ctx: &Context, headers: &mut HeaderMap) {
    put(headers, REQUEST_ID, ctx.request_id().map(RequestId::as_str));
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
        headers.insert(name, value);
    }
}

/// Reads the request id and the trace of the caller from the headers of a request.
///
/// A missing or invalid `x-request-id` is replaced by a new one. The span is that of the caller: a server opens its own with
/// [`Context::child_span`]. Without a single valid `traceparent` there is no trace, and `child_span` starts one.
///
/// # Examples
///
/// ```
/// use http::HeaderMap;
/// use underpin_logger::tower::extract;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap());
/// headers.insert("tracestate", "rojo=1".parse().unwrap());
/// let caller = extract(&headers);
/// assert_eq!(caller.trace().unwrap().span_id(), "00f067aa0ba902b7");
/// let server = caller.child_span();
/// assert_eq!(server.trace().unwrap().trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert_eq!(server.tracestate(), Some("rojo=1"));
/// ```
pub fn extract(headers: &HeaderMap) -> Context {
    let id = headers.get(REQUEST_ID).and_then(text).and_then(|id| RequestId::parse(id).ok());
    let ctx = Context::new(id.unwrap_or_else(RequestId::generate));
    match caller(headers) {
        Some(caller) => ctx.with_trace(caller).with_trace_state(caller_state(headers)),
        None => ctx,
    }
}

/// The span of the caller. Of two headers it is not known which to trust.
fn caller(headers: &HeaderMap) -> Option<TraceParent> {
    let mut all = headers.get_all(TRACE_PARENT).iter();
    match (all.next(), all.next()) {
        (Some(only), None) => TraceParent::parse(text(only)?).ok(),
        _ => None,
    }
}

/// All members of all headers, or none if one of them is invalid.
fn caller_state(headers: &HeaderMap) -> TraceState {
    let values: Option<Vec<&str>> = headers.get_all(TRACE_STATE).iter().map(text).collect();
    values.and_then(|values| TraceState::combine(values).ok()).unwrap_or_default()
}

/// The value without the white space that HTTP allows around it.
fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().map(|text| text.trim_matches([' ', '\t']))
}
