use std::sync::Arc;

#[cfg(feature = "json")]
use crate::stream::{flight_recorder::FlightRecorder, json::KeptFields};
use crate::{Level, RequestId, TraceParent, TraceParentError, TraceState, level_floor};

/// The request id, the trace and the organization of one unit of work; every record carries them.
///
/// Create a context where the work enters the service and pass it down by reference. A clone costs one atomic increment at
/// most. [`Context::scope`] makes it the current context of a task, for records of libraries that take none.
///
/// # Examples
///
/// ```
/// use underpin_logger::{Context, RequestId};
///
/// let ctx = Context::new(RequestId::parse("req-42")?)
///     .with_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")?
///     .with_organization("acme");
/// assert_eq!(ctx.request_id().map(RequestId::as_str), Some("req-42"));
/// assert_eq!(ctx.organization_id(), Some("acme"));
/// assert_eq!(ctx.child_span().request_id(), ctx.request_id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Context(
    /// `None` is the background: its clones share no reference count.
    Option<Arc<Inner>>,
);

static BACKGROUND: Inner = Inner {
    request_id: None,
    trace: None,
    trace_state: None,
    organization_id: None,
    level: None,
    #[cfg(feature = "json")]
    recorder: None,
    #[cfg(feature = "json")]
    json_fields: KeptFields::new(),
};

#[derive(Debug, Clone, Default)]
struct Inner {
    request_id: Option<RequestId>,
    trace: Option<TraceParent>,
    /// Of `trace`: never there without it, never empty.
    trace_state: Option<TraceState>,
    organization_id: Option<Arc<str>>,
    level: Option<Level>,
    #[cfg(feature = "json")]
    recorder: Option<Arc<FlightRecorder>>,
    #[cfg(feature = "json")]
    json_fields: KeptFields,
}

impl Context {
    /// The context of work without a request: start-up, a timer, a background loop.
    pub const fn background() -> Self {
        Self(None)
    }

    /// The context of a request.
    pub fn new(request_id: RequestId) -> Self {
        Self(Some(Arc::new(Inner { request_id: Some(request_id), ..Inner::default() })))
    }

    /// Joins the trace that a `traceparent` header names.
    ///
    /// # Errors
    ///
    /// [`TraceParentError`] when the text is not a W3C traceparent. Start a new trace with [`TraceParent::generate`]
    /// then.
    pub fn with_traceparent(self, header: &str) -> Result<Self, TraceParentError> {
        Ok(self.with_trace(TraceParent::parse(header)?))
    }

    /// Joins a trace. The trace state of another trace is dropped.
    #[must_use]
    pub fn with_trace(self, trace: TraceParent) -> Self {
        self.with(|inner| {
            if inner.trace.is_none_or(|old| old.trace_id() != trace.trace_id()) {
                inner.trace_state = None;
            }
            inner.trace = Some(trace);
        })
    }

    /// Sets the `tracestate` that travels with the trace: call it after [`Context::with_trace`]. Without a trace the
    /// state is dropped, as the recommendation requires.
    ///
    /// # Examples
    ///
    /// ```
    /// use underpin_logger::{Context, TraceParent, TraceState};
    ///
    /// let state = TraceState::parse("rojo=1")?;
    /// let ctx = Context::background().with_trace(TraceParent::generate()).with_trace_state(state.clone());
    /// assert_eq!(ctx.child_span().tracestate(), Some("rojo=1"));
    /// assert_eq!(ctx.with_trace(TraceParent::generate()).tracestate(), None, "another trace");
    /// assert_eq!(Context::background().with_trace_state(state).tracestate(), None);
    /// # Ok::<(), underpin_logger::TraceStateError>(())
    /// ```
    #[must_use]
    pub fn with_trace_state(self, state: TraceState) -> Self {
        if self.trace().is_none() {
            return self;
        }
        self.with(|inner| inner.trace_state = Some(state).filter(|state| !state.is_empty()))
    }

    /// Names the organization (tenant) on whose behalf the work is done.
    ///
    /// Any text will do; in a record that is over its cap a long one is cut like every other text.
    #[must_use]
    pub fn with_organization(self, id: impl Into<Arc<str>>) -> Self {
        let id = id.into();
        self.with(|inner| inner.organization_id = Some(id))
    }

    /// Writes records from `level` on for this unit of work, whatever the level rules say.
    ///
    /// It only adds records: `with_level(Level::Error)` does not silence what the rules write.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        level_floor::lower_to(level);
        self.with(|inner| inner.level = Some(level))
    }

    /// Adds a flight recorder: it keeps the records from debug level on that the level rules skip, and writes them when a
    /// record of error level follows.
    ///
    /// It keeps the latest `capacity` bytes. Clones and child spans share it.
    #[cfg(feature = "json")]
    #[must_use]
    pub fn with_flight_recorder(self, capacity: usize) -> Self {
        level_floor::lower_to(Level::Debug);
        self.with(|inner| inner.recorder = Some(Arc::new(FlightRecorder::new(capacity))))
    }

    /// The same context one span further down; without a trace, the root of a new one.
    #[must_use]
    pub fn child_span(&self) -> Self {
        let trace = self.inner().trace.as_ref().map_or_else(TraceParent::generate, TraceParent::child);
        self.clone().with_trace(trace)
    }

    /// The request id, unless this is background work.
    pub fn request_id(&self) -> Option<&RequestId> {
        self.inner().request_id.as_ref()
    }

    /// The current span of the distributed trace.
    pub fn trace(&self) -> Option<&TraceParent> {
        self.inner().trace.as_ref()
    }

    /// The value of the `traceparent` header for calls made on behalf of this context.
    pub fn traceparent(&self) -> Option<&str> {
        self.inner().trace.as_ref().map(TraceParent::as_str)
    }

    /// What tracing systems attach to the trace.
    pub fn trace_state(&self) -> Option<&TraceState> {
        self.inner().trace_state.as_ref()
    }

    /// The value of the `tracestate` header for calls made on behalf of this context. It goes with
    /// [`Context::traceparent`], never alone.
    pub fn tracestate(&self) -> Option<&str> {
        self.trace_state().map(TraceState::as_str)
    }

    /// The organization (tenant) on whose behalf the work is done.
    pub fn organization_id(&self) -> Option<&str> {
        self.inner().organization_id.as_deref()
    }

    /// The level from which on records of this unit of work are written, whatever the level rules say.
    pub fn level(&self) -> Option<Level> {
        self.inner().level
    }

    /// The flight recorder, if there is one.
    #[cfg(feature = "json")]
    pub(crate) fn recorder(&self) -> Option<&FlightRecorder> {
        self.inner().recorder.as_deref()
    }

    #[inline]
    fn inner(&self) -> &Inner {
        self.0.as_deref().unwrap_or(&BACKGROUND)
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        let inner = Arc::make_mut(self.0.get_or_insert_default());
        change(inner);
        #[cfg(feature = "json")]
        {
            inner.json_fields = KeptFields::new();
        }
        self
    }

    /// The fields of this context as JSON.
    #[cfg(feature = "json")]
    pub(crate) fn json_fields(&self) -> &KeptFields {
        &self.inner().json_fields
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::background()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_background_is_nothing_that_threads_would_share() {
        assert!(Context::background().0.is_none());
        assert_eq!(size_of::<Context>(), size_of::<usize>());
        let tenant = Context::background().with_organization("acme");
        assert_eq!((tenant.organization_id(), Context::background().organization_id()), (Some("acme"), None));
    }

    #[test]
    fn a_change_does_not_reach_the_contexts_cloned_before() {
        let plain = Context::new(RequestId::generate());
        let tenant = plain.clone().with_organization("acme").with_level(Level::Debug);
        assert_eq!((plain.organization_id(), plain.level()), (None, None));
        assert_eq!((tenant.organization_id(), tenant.level()), (Some("acme"), Some(Level::Debug)));
        assert_eq!(tenant.request_id(), plain.request_id());
    }

    #[test]
    fn a_child_span_stays_in_the_trace_or_starts_one() {
        let root = Context::background().child_span();
        let child = root.child_span();
        let ids = |ctx: &Context| ctx.trace().map(|trace| trace.trace_id().to_owned());
        assert!(ids(&root).is_some());
        assert_eq!(ids(&child), ids(&root));
        assert_ne!(child.traceparent(), root.traceparent());
    }
}
