//! Spans where work enters the process.

use super::{Span, SpanKind, installed::installed};
use crate::{Context, TraceParent};

impl Context {
    /// Opens the span with which work enters the process: a request, a command.
    ///
    /// This context stands at the caller's span, or has no trace. The new one always gets ids, also where it is not recorded, because
    /// log records and calls carry them. The sampling decision is made here; without a sink it is the caller's, and a new trace
    /// counts as sampled.
    pub fn entry_span(&self, name: &'static str, kind: SpanKind) -> Span {
        self.clone().into_entry_span(name, kind)
    }

    /// [`entry_span`](Self::entry_span) of a context that nothing else needs: its fields are not copied.
    pub fn into_entry_span(self, name: &'static str, kind: SpanKind) -> Span {
        let parent = self.trace().copied();
        let here = parent.as_ref().map_or_else(TraceParent::generate, TraceParent::child);
        let Some(installed) = installed() else { return Span::silent(self.with_trace(here)) };
        let here = here.with_sampled(installed.sampler.samples(parent.as_ref(), &here));
        let ctx = self.with_trace(here);
        if here.is_sampled() {
            Span::recording(ctx, here, parent, installed.sink, name, kind)
        } else {
            Span::silent(ctx)
        }
    }
}
