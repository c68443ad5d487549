//! The spans of operations on objects. They hold no name of an object and no data.

use underpin_errors::Classify;
use underpin_logger::{Context, Span, SpanKind};

use crate::StoreError;

/// Opens the span of an operation on a bucket, named by both: `put files`.
pub(crate) fn operation(bucket: &str, operation: &'static str) -> Span {
    let mut span = Context::current().span("objects", SpanKind::Client);
    if span.is_recording() {
        span.rename(|| format!("{operation} {bucket}"));
        span.set("underpin.objects.operation", operation);
        span.set("underpin.objects.bucket", bucket);
    }
    span
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
