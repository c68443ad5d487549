//! Spans of calls, with the names of the OpenTelemetry semantic conventions for RPC.

use underpin_errors::{Classify, Error};
use underpin_logger::{Context, Span, SpanKind};

use crate::error::RpcError;

/// The span of a call in its caller.
pub(crate) fn client(ctx: &Context, subject: &str) -> Span {
    let mut span = ctx.span("rpc", SpanKind::Client);
    span.rename(|| subject.to_owned());
    span.set("rpc.system", "nats");
    span.set("messaging.destination.name", subject);
    span
}

/// The span of a call in its service.
pub(crate) fn server(caller: Context, service: &str, endpoint: &str) -> Span {
    let mut span = caller.into_entry_span("rpc", SpanKind::Server);
    span.rename(|| format!("{service}/{endpoint}"));
    span.set("rpc.system", "nats");
    span.set("rpc.service", service);
    span.set("rpc.method", endpoint);
    span
}

/// Notes the error of a call in its service. An error of the caller is no failure of the service.
pub(crate) fn end(span: &mut Span, error: Option<&Error>) {
    if let Some(error) = error {
        span.set("error.type", error.error_code());
        if !error.is_client_error() {
            span.fail_with(|| error.to_string());
        }
    }
}

/// Notes the error of a call in its caller.
pub(crate) fn end_client(span: &mut Span, error: Option<&RpcError>) {
    if let Some(error) = error {
        let code = error.code();
        span.set("error.type", code.as_deref().unwrap_or(error.kind().code()));
        span.fail(error);
    }
}
