//! The spans of the store, by the semantic conventions of OpenTelemetry for databases. They hold no key and no value.

use underpin_errors::Classify;
use underpin_logger::{Context, Span, SpanKind};

use crate::StoreError;

/// Opens the span of an operation on a bucket, named by both: `get carts`.
pub(crate) fn operation(system: &'static str, bucket: &str, operation: &'static str) -> Span {
    let mut span = Context::current().span("store", SpanKind::Client);
    if span.is_recording() {
        span.rename(|| format!("{operation} {bucket}"));
        span.set("db.system.name", system);
        span.set("db.operation.name", operation);
        span.set("db.collection.name", bucket);
    }
    span
}

/// Opens a span of work inside of this process.
pub(crate) fn internal(name: &'static str) -> Span {
    Context::current().span(name, SpanKind::Internal)
}

/// Notes how it ended. A conflict is an answer, and no failure.
pub(crate) fn ended(span: &mut Span, error: Option<&StoreError>) {
    if let Some(error) = error.filter(|_| span.is_recording()) {
        span.set("error.type", error.kind().code());
        if !error.is_conflict() {
            span.fail(error);
        }
    }
}
