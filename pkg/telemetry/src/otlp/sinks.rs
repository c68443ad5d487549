//! Where spans and log lines enter the queues.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use underpin_logger::{FinishedSpan, FlushError, Level, SpanSink, sink::Sink};

use super::{plan::SignalKind, queue::Queue};
use crate::recorder::dropped;

/// Spans and lines of one request at most.
pub(super) const BATCH: usize = 512;

thread_local! {
    static IS_EXPORTING: Cell<bool> = const { Cell::new(false) };
}

/// What this thread logs and traces is about the export, and not exported.
pub(super) fn mark_this_thread() {
    // A thread that ends logs no more.
    let _ended = IS_EXPORTING.try_with(|mark| mark.set(true));
}

fn is_exporting() -> bool {
    IS_EXPORTING.try_with(Cell::get).unwrap_or(true)
}

/// The span sink of the process while it exports.
pub(super) struct SpanQueue(pub(super) Arc<Queue<FinishedSpan>>);

impl SpanSink for SpanQueue {
    fn end(&self, span: FinishedSpan) {
        if !is_exporting() && !self.0.offer(span, 1, BATCH) {
            dropped(SignalKind::Traces.name(), "queue_full").increment(1);
        }
    }

    fn flush(&self, within: Duration) -> Result<(), FlushError> {
        self.0.flush(within)
    }
}

/// The sink of log lines.
pub(super) struct LineQueue {
    queue: Arc<Queue<Box<[u8]>>>,
    lost: AtomicU64,
}

impl LineQueue {
    pub(super) fn new(queue: Arc<Queue<Box<[u8]>>>) -> Self {
        Self { queue, lost: AtomicU64::new(0) }
    }
}

impl LineQueue {
    /// How many of the lines did not fit.
    fn take(&self, lines: &[u8]) -> u64 {
        if is_exporting() {
            return 0;
        }
        let whole = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        whole.filter(|line| !self.queue.offer((*line).into(), line.len(), BATCH)).count() as u64
    }
}

impl Sink for LineQueue {
    fn write(&self, _: Level, lines: &[u8]) {
        let lost = self.take(lines);
        if lost > 0 {
            self.lost.fetch_add(lost, Ordering::Relaxed);
            dropped(SignalKind::Logs.name(), "queue_full").increment(lost);
        }
    }

    fn offer(&self, lines: &[u8]) -> bool {
        self.take(lines) == 0
    }

    fn flush(&self, within: Duration) -> Result<(), FlushError> {
        self.queue.flush(within)
    }

    fn dropped(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}
