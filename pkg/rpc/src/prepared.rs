//! An outgoing request, validated and with its headers, for every transport.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use underpin_logger::Span;

use crate::deadline;
use crate::error::RpcError;
use crate::headers::Headers;
use crate::meters;
use crate::names;
use crate::propagate;
use crate::request::Request;
use crate::spans;

pub(crate) struct PreparedRequest {
    pub(crate) subject: Cow<'static, str>,
    pub(crate) body: Bytes,
    pub(crate) until: Instant,
    pub(crate) idempotent: bool,
    began: Instant,
    headers: Headers,
    span: Span,
}

impl PreparedRequest {
    /// Checks a request. Its time begins to run.
    pub(crate) fn new(request: Request) -> Result<Self, RpcError> {
        let Request { endpoint, body, headers, context, within, idempotent, identity } = request;
        names::check_subject(endpoint.subject())?;
        headers.check().map_err(RpcError::invalid)?;
        let span = spans::client(&context, endpoint.subject());
        let headers = propagate::outgoing(headers, span.ctx(), identity.as_ref());
        headers.check().map_err(RpcError::invalid)?;
        let (began, until) = (Instant::now(), deadline::of_call(within));
        Ok(Self { subject: endpoint.text(), body, until, idempotent, began, headers, span })
    }

    /// The headers for an attempt that is made now.
    pub(crate) fn headers(&self) -> Headers {
        propagate::with_remaining(self.headers.clone(), self.until)
    }

    /// The headers of a message whose sender waits for no reply: without a deadline.
    pub(crate) fn fixed_headers(&self) -> &Headers {
        &self.headers
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

    /// Counts a call that ended, and ends its span.
    pub(crate) fn ended<T>(mut self, result: &Result<T, RpcError>) {
        meters::called(self.subject, result, self.began.elapsed());
        spans::end_client(&mut self.span, result.as_ref().err());
    }
}
