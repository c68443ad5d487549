//! Spans inside of a trace, and spans that start one.

use super::{
    Span, SpanKind,
    installed::{installed, is_on},
    recording::MAX_LINKS,
};
use crate::{Context, TraceParent};

impl Context {
    /// Opens a span below the one of this context.
    ///
    /// Recorded if the trace is sampled and the process has a sink ([`install_span_sink`](crate::install_span_sink)). Without a trace it is not:
    /// [`entry_span`](Self::entry_span) and [`root_span`](Self::root_span) start one. A span that is not recorded costs two loads, a branch
    /// and the count of a clone; it reads no clock and allocates nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use underpin_logger::{Context, SpanKind};
    ///
    /// # async fn fetch(_: &Context) -> u16 { 200 }
    /// # async fn example(ctx: &Context) {
    /// let mut span = ctx.span("fetch the price", SpanKind::Client);
    /// let status = fetch(span.ctx()).await;
    /// span.set("http.response.status_code", status);
    /// # }
    /// ```
    #[inline]
    pub fn span(&self, name: &'static str, kind: SpanKind) -> Span {
        match self.trace() {
            Some(trace) if self.is_recorded() => self.child(trace, name, kind),
            _ => Span::silent(self.clone()),
        }
    }

    /// Whether a [`span`](Self::span) of this context is recorded.
    #[inline]
    pub fn is_recorded(&self) -> bool {
        is_on() && self.trace().is_some_and(TraceParent::is_sampled)
    }

    #[cold]
    fn child(&self, parent: &TraceParent, name: &'static str, kind: SpanKind) -> Span {
        let Some(installed) = installed() else { return Span::silent(self.clone()) };
        let here = parent.child();
        Span::recording(self.clone().with_trace(here), here, Some(*parent), installed.sink, name, kind)
    }

    /// Opens the root of a new trace, for work that no single caller asked for: a timer, a batch.
    ///
    /// It is recorded if one of the spans in `links` is sampled; without links the sampler decides. `links` is read only if the process
    /// has a sink, without which the context stays the same. At most 128 links are kept.
    pub fn root_span(
        &self,
        name: &'static str,
        kind: SpanKind,
        links: impl IntoIterator<Item = TraceParent>,
    ) -> Span {
        let Some(installed) = installed() else { return Span::silent(self.clone()) };
        let root = TraceParent::generate();
        let links: Vec<TraceParent> = links.into_iter().take(MAX_LINKS).collect();
        let sampled = match links.as_slice() {
            [] => installed.sampler.samples(None, &root),
            links => links.iter().any(TraceParent::is_sampled),
        };
        let root = root.with_sampled(sampled);
        let ctx = self.clone().with_trace(root);
        if !sampled {
            return Span::silent(ctx);
        }
        let mut span = Span::recording(ctx, root, None, installed.sink, name, kind);
        links.iter().filter(|link| link.is_sampled()).for_each(|link| span.link(link));
        span
    }
}
