//! An outgoing request, validated and with its headers, for every transport.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use underpin_logger::Span;

use crate::call_meters::CallMeters;
use crate::deadline;
use crate::endpoint::Endpoint;
use crate::error::RpcError;
use crate::headers::Headers;
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
        if identity.is_some() {
            // Request id and trace are checked by their types, an identity is any text.
            headers.check().map_err(RpcError::invalid)?;
        }
        let began = Instant::now();
        let until = deadline::of_call(began, within);
        Ok(Self { endpoint, body, until, idempotent, began, headers, span })
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

    /// Where it goes.
    pub(crate) fn subject(&self) -> &str {
        self.endpoint.subject()
    }

    /// Counts a call that ended, and ends its span.
    pub(crate) fn ended<T>(mut self, meters: &CallMeters, result: &Result<T, RpcError>) {
        meters.called(&self.endpoint, result, self.began.elapsed());
        spans::end_client(&mut self.span, result.as_ref().err());
    }
}
