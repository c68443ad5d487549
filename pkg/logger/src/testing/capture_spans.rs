use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use crate::{FinishedSpan, FlushError, Sampler, SpanSink, SpanSinkGuard, install_span_sink};

/// How many spans are kept; the oldest go first.
const CAPACITY: usize = 100_000;

static SHARED: OnceLock<(CaptureSpans, SpanSinkGuard)> = OnceLock::new();

/// The spans of a test process, for assertions.
///
/// A process has one span sink, so all tests of a binary share this one; each looks at the traces that it began.
///
/// # Examples
///
/// ```
/// use underpin_logger::{Context, RequestId, SpanKind, testing::CaptureSpans};
///
/// let spans = CaptureSpans::install();
/// let request = Context::new(RequestId::generate()).entry_span("GET /orders", SpanKind::Server);
/// let trace = request.ctx().trace().unwrap().trace_id().to_owned();
/// drop(request.ctx().span("SELECT", SpanKind::Client));
/// drop(request);
/// assert_eq!(spans.tree(&trace), "GET /orders\n  SELECT\n");
/// ```
#[derive(Debug, Clone, Default)]
pub struct CaptureSpans {
    spans: Arc<Mutex<VecDeque<FinishedSpan>>>,
}

impl CaptureSpans {
    /// The span sink of this process, installed by the first call. It records every trace that no caller left unsampled.
    ///
    /// # Panics
    ///
    /// When the process has another span sink.
    #[expect(clippy::panic, reason = "an assertion")]
    pub fn install() -> Self {
        let (shared, _) = SHARED.get_or_init(|| {
            let spans = Self::default();
            match install_span_sink(Arc::new(spans.clone()), Sampler::default()) {
                Ok(guard) => (spans, guard),
                Err(taken) => panic!("{taken}"),
            }
        });
        shared.clone()
    }

    /// The finished spans of a trace, by the time at which they began.
    pub fn of_trace(&self, trace_id: &str) -> Vec<FinishedSpan> {
        let mut spans: Vec<_> =
            self.lock().iter().filter(|span| span.context.trace_id() == trace_id).cloned().collect();
        spans.sort_by_key(|span| span.start_time);
        spans
    }

    /// The finished spans with a link to a trace, by the time at which they ended.
    pub fn linked_to(&self, trace_id: &str) -> Vec<FinishedSpan> {
        let links_it = |span: &&FinishedSpan| span.links.iter().any(|link| link.trace_id() == trace_id);
        self.lock().iter().filter(links_it).cloned().collect()
    }

    /// The names of a trace's spans, one a line: each below its parent and two blanks further in. A span whose parent is not among them
    /// starts at the margin.
    pub fn tree(&self, trace_id: &str) -> String {
        let spans = self.of_trace(trace_id);
        let mut tree = String::new();
        let known = |id: &str| spans.iter().any(|span| span.context.span_id() == id);
        for root in &spans {
            if !root.parent.is_some_and(|parent| known(parent.span_id())) {
                write_below(&mut tree, &spans, root, 0);
            }
        }
        tree
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<FinishedSpan>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_below(tree: &mut String, spans: &[FinishedSpan], span: &FinishedSpan, depth: usize) {
    // A `String` takes whatever is written to it.
    let _never = writeln!(tree, "{:depth$}{}", "", span.name, depth = 2 * depth);
    let is_child =
        |other: &&FinishedSpan| other.parent.is_some_and(|parent| parent.span_id() == span.context.span_id());
    for child in spans.iter().filter(is_child) {
        write_below(tree, spans, child, depth + 1);
    }
}

impl SpanSink for CaptureSpans {
    fn end(&self, span: FinishedSpan) {
        let mut spans = self.lock();
        if spans.len() >= CAPACITY {
            spans.pop_front();
        }
        spans.push_back(span);
    }

    fn flush(&self, _: Duration) -> Result<(), FlushError> {
        Ok(())
    }
}
