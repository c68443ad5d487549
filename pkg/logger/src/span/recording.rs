use std::{
    borrow::Cow,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use super::{AttributeValue, FinishedSpan, SpanKind, SpanSink};
use crate::{Context, TraceParent};

/// The most links of one span.
pub(super) const MAX_LINKS: usize = 128;

/// A unit of work in progress. It ends when it is dropped.
///
/// [`Span::ctx`] is what the work gets: its records, statements and events then belong to this span. The span enters nothing and may
/// be held over awaits; [`Context::scope`] makes its context the current one. A span that is not recorded ignores attributes, events and links.
#[must_use = "a span that is dropped at once measures nothing"]
pub struct Span {
    ctx: Context,
    recording: Option<Box<Recording>>,
}

struct Recording {
    began: Instant,
    sink: Arc<dyn SpanSink>,
    span: FinishedSpan,
}

impl Span {
    /// A span that is not recorded.
    #[inline]
    pub(super) const fn silent(ctx: Context) -> Self {
        Self { ctx, recording: None }
    }

    /// `ctx` stands at the new span already.
    pub(super) fn recording(
        ctx: Context,
        here: TraceParent,
        parent: Option<TraceParent>,
        sink: Arc<dyn SpanSink>,
        name: &'static str,
        kind: SpanKind,
    ) -> Self {
        let span = FinishedSpan {
            name: Cow::Borrowed(name),
            kind,
            context: here,
            parent,
            trace_state: ctx.tracestate().unwrap_or_default().to_owned(),
            start_time: SystemTime::now(),
            duration: Duration::ZERO,
            attributes: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
            error: None,
        };
        Self { ctx, recording: Some(Box::new(Recording { began: Instant::now(), sink, span })) }
    }

    /// The context of the work inside of the span.
    pub const fn ctx(&self) -> &Context {
        &self.ctx
    }

    /// Whether the span is recorded.
    pub const fn is_recording(&self) -> bool {
        self.recording.is_some()
    }

    /// Gives the span another name. It must have few different values: the route, not the path.
    ///
    /// `name` is called only if the span is recorded.
    pub fn rename<N: Into<Cow<'static, str>>>(&mut self, name: impl FnOnce() -> N) {
        self.record(|span| span.name = name().into());
    }

    /// Sets an attribute, by the names of the OpenTelemetry semantic conventions where they have one. The value is converted only
    /// if the span is recorded.
    pub fn set(&mut self, key: &'static str, value: impl Into<AttributeValue>) {
        self.record(|span| span.attributes.push((key, value.into())));
    }

    /// Notes that something happened now.
    pub fn event(&mut self, name: &'static str) {
        if let Some(recording) = &mut self.recording {
            recording.span.events.push((name, recording.began.elapsed()));
        }
    }

    /// Links another span, of this trace or another. More than 128 links are dropped.
    pub fn link(&mut self, to: &TraceParent) {
        self.record(|span| {
            if span.links.len() < MAX_LINKS {
                span.links.push(*to);
            }
        });
    }

    /// Marks the span as failed. The text is the error's own, without its causes: it must hold no secret.
    pub fn fail(&mut self, error: &(dyn std::error::Error + '_)) {
        self.fail_with(|| error.to_string());
    }

    /// Marks the span as failed. `reason` is called only if the span is recorded.
    pub fn fail_with<R: Into<String>>(&mut self, reason: impl FnOnce() -> R) {
        self.record(|span| span.error = Some(reason().into()));
    }

    /// Marks the span as failed if the result is an error, which is passed on.
    ///
    /// # Errors
    ///
    /// The error that was given.
    ///
    /// # Examples
    ///
    /// ```
    /// use underpin_logger::{Context, SpanKind};
    ///
    /// let mut span = Context::current().span("parse", SpanKind::Internal);
    /// let parsed = span.watch("7".parse::<i32>());
    /// assert_eq!(parsed, Ok(7));
    /// ```
    pub fn watch<T, E: std::error::Error>(&mut self, result: Result<T, E>) -> Result<T, E> {
        if let (true, Err(error)) = (self.is_recording(), &result) {
            self.fail(error);
        }
        result
    }

    /// Ends the span without recording it, when another process turns out to have done its work. Spans below it are recorded all the same.
    pub fn discard(mut self) {
        self.recording = None;
    }

    #[inline]
    fn record(&mut self, change: impl FnOnce(&mut FinishedSpan)) {
        if let Some(recording) = &mut self.recording {
            change(&mut recording.span);
        }
    }
}

impl Drop for Span {
    #[inline]
    fn drop(&mut self) {
        if let Some(recording) = self.recording.take() {
            end(recording);
        }
    }
}

#[cold]
fn end(recording: Box<Recording>) {
    let Recording { began, sink, mut span } = *recording;
    span.duration = began.elapsed();
    // A sink that panics must not abort a thread that unwinds.
    let _panicked = catch_unwind(AssertUnwindSafe(|| sink.end(span)));
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.recording.as_ref().map(|recording| &recording.span.name);
        f.debug_struct("Span").field("name", &name).field("ctx", &self.ctx).finish_non_exhaustive()
    }
}
