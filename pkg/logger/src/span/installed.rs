//! The span sink of the process.

use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Sampler, SpanSink};

/// What a span that is not recorded looks at, and nothing more.
static IS_ON: AtomicBool = AtomicBool::new(false);

static INSTALLED: RwLock<Option<Installed>> = RwLock::new(None);

/// A sink with its sampler.
#[derive(Clone)]
pub(super) struct Installed {
    pub(super) sink: Arc<dyn SpanSink>,
    pub(super) sampler: Sampler,
}

#[inline]
pub(super) fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

pub(super) fn installed() -> Option<Installed> {
    if is_on() { INSTALLED.read().unwrap_or_else(PoisonError::into_inner).clone() } else { None }
}

/// Makes `sink` the span sink of the process, until the guard is dropped. `sampler` decides which traces are recorded.
///
/// # Errors
///
/// [`SpanSinkTakenError`] when there is one already; it stays.
///
/// # Examples
///
/// ```
/// use std::{sync::{Arc, Mutex}, time::Duration};
/// use underpin_logger::{
///     Context, FinishedSpan, FlushError, RequestId, Sampler, SpanKind, SpanSink, TraceParent, install_span_sink,
/// };
///
/// #[derive(Default)]
/// struct Names(Mutex<Vec<String>>);
///
/// impl SpanSink for Names {
///     fn end(&self, span: FinishedSpan) {
///         self.0.lock().unwrap().push(span.name.into_owned());
///     }
///     fn flush(&self, _: Duration) -> Result<(), FlushError> {
///         Ok(())
///     }
/// }
///
/// let names = Arc::new(Names::default());
/// let guard = install_span_sink(names.clone(), Sampler::default())?;
/// let request = Context::new(RequestId::generate()).entry_span("GET", SpanKind::Server);
/// drop(request.ctx().span("price", SpanKind::Internal));
/// drop(request);
/// assert_eq!(*names.0.lock().unwrap(), ["price", "GET"]);
/// drop(guard);
/// # Ok::<(), underpin_logger::SpanSinkTakenError>(())
/// ```
pub fn install_span_sink(
    sink: Arc<dyn SpanSink>,
    sampler: Sampler,
) -> Result<SpanSinkGuard, SpanSinkTakenError> {
    let mut slot = INSTALLED.write().unwrap_or_else(PoisonError::into_inner);
    if slot.is_some() {
        return Err(SpanSinkTakenError);
    }
    *slot = Some(Installed { sink, sampler });
    IS_ON.store(true, Ordering::Relaxed);
    Ok(SpanSinkGuard(()))
}

/// Keeps a span sink installed. Spans that are open when it is dropped still end in the sink.
#[must_use = "the sink is removed when the guard is dropped"]
pub struct SpanSinkGuard(());

impl fmt::Debug for SpanSinkGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpanSinkGuard")
    }
}

impl Drop for SpanSinkGuard {
    fn drop(&mut self) {
        let mut slot = INSTALLED.write().unwrap_or_else(PoisonError::into_inner);
        IS_ON.store(false, Ordering::Relaxed);
        let removed = slot.take();
        drop(slot);
        // The sink's own destructor runs under no lock.
        drop(removed);
    }
}

/// The process has a span sink already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another span sink is installed already")]
#[non_exhaustive]
pub struct SpanSinkTakenError;
