//! Request id, trace, deadline and identity in headers, there and back.

use std::time::Duration;

use underpin_logger::{Context, RequestId, TraceParent, TraceState};

use crate::header_names::{CALLER, ORGANIZATION, REQUEST_ID, TIMEOUT_MS, TRACE_PARENT, TRACE_STATE};
use crate::headers::Headers;
use crate::identity::Identity;

/// The headers of a context and an identity. They replace others of their names.
pub(crate) fn headers<'a>(
    ctx: &'a Context,
    identity: Option<&'a Identity>,
) -> impl Iterator<Item = (&'static str, &'a str)> {
    let own = [
        (REQUEST_ID, ctx.request_id().map(RequestId::as_str)),
        (TRACE_PARENT, ctx.traceparent()),
        (TRACE_STATE, ctx.tracestate()),
        (CALLER, identity.map(Identity::subject)),
        (ORGANIZATION, identity.and_then(Identity::organization_id)),
    ];
    own.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

/// The context of a request that arrives, at the span of its caller: a valid request id is taken over, and a valid trace continued.
pub(crate) fn context(headers: &Headers) -> Context {
    let id = headers.get(REQUEST_ID).and_then(|id| RequestId::parse(id.trim()).ok());
    let ctx = Context::new(id.unwrap_or_else(RequestId::generate));
    let parent = headers.get(TRACE_PARENT).and_then(|text| TraceParent::parse(text.trim()).ok());
    match parent {
        Some(parent) => {
            let state = headers.get(TRACE_STATE).and_then(|text| TraceState::parse(text).ok());
            ctx.with_trace(parent).with_trace_state(state.unwrap_or_default())
        }
        None => ctx,
    }
}

/// How long the caller still waits; none when it does not tell.
pub(crate) fn remaining(headers: &Headers) -> Option<Duration> {
    headers.get(TIMEOUT_MS)?.trim().parse().ok().map(Duration::from_millis)
}

/// Who the caller says that it is.
pub(crate) fn claimed_identity(headers: &Headers) -> Option<Identity> {
    let identity = Identity::new(headers.get(CALLER)?);
    Some(match headers.get(ORGANIZATION) {
        Some(organization) => identity.organization(organization),
        None => identity,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_and_identity_arrive() {
        let ctx = Context::new(RequestId::parse("req-1").unwrap())
            .with_trace(TraceParent::generate())
            .with_trace_state(TraceState::parse("rojo=1").unwrap());
        let alice = Identity::new("alice").organization("acme");
        let headers: Headers = headers(&ctx, Some(&alice)).collect();
        let arrived = context(&headers);
        assert_eq!(arrived.request_id(), ctx.request_id());
        assert_eq!(arrived.traceparent(), ctx.traceparent());
        assert_eq!(arrived.tracestate(), Some("rojo=1"));
        assert_eq!(claimed_identity(&headers), Some(alice));
        assert_eq!(remaining(&headers), None);
    }

    #[test]
    fn what_a_peer_sends_is_checked() {
        let headers = Headers::new()
            .with(REQUEST_ID, "two words")
            .with(TRACE_PARENT, "nonsense")
            .with(TRACE_STATE, "rojo=1")
            .with(TIMEOUT_MS, "-5");
        let arrived = context(&headers);
        assert_ne!(arrived.request_id().unwrap().as_str(), "two words");
        assert!(arrived.trace().is_none() && arrived.tracestate().is_none());
        assert_eq!((remaining(&headers), claimed_identity(&headers)), (None, None));
    }
}
