//! An outgoing request, validated and with its headers, for every transport.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use underpin_logger::Span;

use crate::call_meters::CallMeters;
use crate::deadline;
use crate::endpoint::Endpoint;
use crate::error::RpcError;
use crate::header_names::{self, TIMEOUT_MS};
use crate::headers::{Headers, LINE_BREAK};
use crate::identity::Identity;
use crate::names;
use crate::propagate;
use crate::request::Request;
use crate::spans;

pub(crate) struct PreparedRequest {
    pub(crate) endpoint: Endpoint,
    pub(crate) body: Bytes,
    pub(crate) until: Instant,
    pub(crate) idempotent: bool,
    began: Instant,
    /// Those of the caller.
    headers: Headers,
    identity: Option<Identity>,
    span: Span,
}

impl PreparedRequest {
    /// Checks a request. Its time begins to run.
    pub(crate) fn new(request: Request) -> Result<Self, RpcError> {
        let Request { endpoint, body, mut headers, context, within, idempotent, identity } = request;
        names::check_subject(endpoint.subject())?;
        headers.check().map_err(RpcError::invalid)?;
        let span = spans::client(&context, endpoint.subject());
        for (name, value) in propagate::headers(span.ctx(), identity.as_ref()) {
            headers.remove(name);
            // Request id and trace are checked by their types, an identity is any text.
            if value.contains(['\r', '\n']) {
                return Err(RpcError::invalid(LINE_BREAK));
            }
        }
        let began = Instant::now();
        let until = deadline::of_call(began, within);
        Ok(Self { endpoint, body, until, idempotent, began, headers, identity, span })
    }

    /// The headers of a message that is sent `now`, each once. One whose sender waits for no reply has no deadline.
    pub(crate) fn each_header(
        &self,
        now: Option<Instant>,
        mut put: impl FnMut(Cow<'static, str>, Cow<'_, str>),
    ) {
        for (name, value) in self.headers.pairs() {
            if now.is_none() || !name.eq_ignore_ascii_case(TIMEOUT_MS) {
                put(name.clone(), value.into());
            }
        }
        for (name, value) in propagate::headers(self.span.ctx(), self.identity.as_ref()) {
            put(name.into(), value.into());
        }
        if let Some(now) = now {
            put(TIMEOUT_MS.into(), deadline::remaining_ms(self.until, now).to_string().into());
        }
    }

    /// At most so many are there.
    pub(crate) fn most_headers(&self) -> usize {
        self.headers.len() + header_names::ALL.len()
    }

    /// [`each_header`](Self::each_header), collected.
    pub(crate) fn headers(&self, now: Option<Instant>) -> Headers {
        let mut headers = Headers::with_capacity(self.most_headers());
        self.each_header(now, |name, value| headers.push(name, value.into_owned()));
        headers
    }

    /// Refuses what is larger than the transport takes.
    pub(crate) fn check_size(&self, headers: &Headers, limit: usize) -> Result<(), RpcError> {
        let size = self.body.len() + headers.wire_size();
        if size > limit { Err(RpcError::TooLarge { size, limit }) } else { Ok(()) }
    }

    /// How long the call may take in all.
    pub(crate) fn within(&self) -> Duration {
        self.until.saturating_duration_since(self.began)
    }

    pub(crate) fn timeout(&self) -> RpcError {
        RpcError::Timeout { within: self.within() }
    }

    /// Where it goes.
    pub(crate) fn subject(&self) -> &str {
        self.endpoint.subject()
    }

    /// Counts a call that ended, and ends its span.
    pub(crate) fn ended<T>(mut self, meters: &CallMeters, result: &Result<T, RpcError>) {
        let now = Instant::now();
        meters.called(&self.endpoint, result, now, now.duration_since(self.began));
        spans::end_client(&mut self.span, result.as_ref().err());
    }
}

#[cfg(test)]
mod tests {
    use underpin_logger::{Context, RequestId};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn headers_of_the_context_and_what_is_left_of_the_time_replace_others() {
        let ctx = Context::new(RequestId::parse("req-1").unwrap());
        let request = Request::new("a.b", "", &ctx)
            .within(Duration::from_millis(1500))
            .header("X-Request-Id", "forged")
            .header("X-Timeout-Ms", "9999999")
            .header("x-tenant", "acme");
        let request = PreparedRequest::new(request).unwrap();
        tokio::time::advance(Duration::from_millis(500)).await;
        let sent = request.headers(Some(Instant::now())).to_string();
        assert_eq!(sent, "x-tenant: acme\nx-request-id: req-1\nx-timeout-ms: 1000\n");
        assert_eq!(
            propagate::remaining(&request.headers(Some(Instant::now()))),
            Some(Duration::from_secs(1))
        );
        // Who waits for no reply names no deadline.
        assert_eq!(request.headers(None).get("x-timeout-ms"), Some("9999999"));
        let broken = Request::new("a.b", "", &ctx).on_behalf_of(&Identity::new("a\r\nb: c"));
        assert!(PreparedRequest::new(broken).is_err());
    }
}
