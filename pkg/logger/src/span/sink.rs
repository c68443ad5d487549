use std::time::Duration;

use super::FinishedSpan;
use crate::FlushError;

/// Takes the finished spans of the process: an exporter, or a double in tests.
///
/// [`install_span_sink`](crate::install_span_sink) makes one the sink of the process.
pub trait SpanSink: Send + Sync + 'static {
    /// Takes a span. Returns at once and never fails: a sink that has no room drops the span and counts it.
    ///
    /// Called on the thread that ends the span, in any order: a parent mostly comes after its children.
    fn end(&self, span: FinishedSpan);

    /// Waits until every span taken so far is handed on.
    ///
    /// # Errors
    ///
    /// [`FlushError`] when that did not work within the time given.
    fn flush(&self, within: Duration) -> Result<(), FlushError>;
}

const _: fn(&dyn SpanSink) = |_| ();
