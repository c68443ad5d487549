use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::sink_trait::Sink;
use crate::{FlushError, Level};

static EXPORT: OnceLock<DeferredSink> = OnceLock::new();

/// A sink behind which another is attached later: an exporter that starts after the log.
///
/// Lines written before are kept, up to a limit, and passed on when the other sink is attached. Clones share one state.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use underpin_logger::{Context, JsonFormat, SlogLogger, info, sink::{DeferredSink, MemorySink}};
///
/// let deferred = DeferredSink::new(64 * 1024);
/// let log = SlogLogger::json(JsonFormat::new()).sink(deferred.clone()).build();
/// info!(log, &Context::background(), "before the exporter");
/// let exporter = MemorySink::new();
/// deferred.attach(Arc::new(exporter.clone()));
/// assert_eq!(exporter.lines().len(), 1);
/// ```
#[derive(Clone)]
pub struct DeferredSink {
    shared: Arc<Shared>,
}

struct Shared {
    capacity: usize,
    /// Whether somebody takes the lines, now or later: a fast way out of `write` otherwise.
    is_open: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    attached: Option<Arc<dyn Sink>>,
    kept: Vec<(Level, Vec<u8>)>,
    kept_bytes: usize,
    /// Lines that did not fit before the other sink was attached.
    lost: u64,
}

impl DeferredSink {
    /// A sink that keeps at most `capacity` bytes of lines; what comes on top is dropped, and counted once a sink is attached.
    pub fn new(capacity: usize) -> Self {
        let (is_open, state) = (AtomicBool::new(true), Mutex::default());
        Self { shared: Arc::new(Shared { capacity, is_open, state }) }
    }

    /// The sink that [`init`](crate::init) has put beside the output, where the settings ask for `export`.
    pub fn of_process() -> Option<Self> {
        EXPORT.get().cloned()
    }

    /// The sink of the process; the first call decides on its size.
    pub(crate) fn install(capacity: usize) -> Self {
        EXPORT.get_or_init(|| Self::new(capacity)).clone()
    }

    /// Passes on what was kept, and from now on every line.
    pub fn attach(&self, sink: Arc<dyn Sink>) {
        let mut state = self.lock();
        let kept = std::mem::take(&mut state.kept);
        state.kept_bytes = 0;
        // Under the lock, so that no later line comes first. The sink waits for nobody: that is its contract.
        kept.iter().for_each(|(level, lines)| sink.write(*level, lines));
        state.attached = Some(sink);
        self.shared.is_open.store(true, Ordering::Relaxed);
    }

    /// Ends the export: lines written from now on are dropped without being counted.
    pub fn detach(&self) {
        let mut state = self.lock();
        self.shared.is_open.store(false, Ordering::Relaxed);
        let attached = state.attached.take();
        drop(state);
        drop(attached);
    }

    fn attached(&self) -> Option<Arc<dyn Sink>> {
        self.lock().attached.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for DeferredSink {
    fn write(&self, level: Level, lines: &[u8]) {
        if !self.shared.is_open.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.lock();
        if let Some(sink) = state.attached.clone() {
            drop(state);
            sink.write(level, lines);
        } else if state.kept_bytes + lines.len() <= self.shared.capacity {
            state.kept_bytes += lines.len();
            state.kept.push((level, lines.to_vec()));
        } else {
            state.lost += lines.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
    }

    fn flush(&self, deadline: Duration) -> Result<(), FlushError> {
        self.attached().map_or(Ok(()), |sink| sink.flush(deadline))
    }

    /// Zero while no sink is attached: whoever exports nothing loses nothing.
    fn dropped(&self) -> u64 {
        let (sink, lost) = {
            let state = self.lock();
            (state.attached.clone(), state.lost)
        };
        sink.map_or(0, |sink| lost + sink.dropped())
    }
}

impl fmt::Debug for DeferredSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredSink").field("capacity", &self.shared.capacity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::MemorySink;

    #[test]
    fn lines_are_kept_until_a_sink_comes_and_dropped_once_it_has_gone() {
        let (deferred, sink) = (DeferredSink::new(8), MemorySink::new());
        for line in [b"one\n", b"two\n", b"six\n"] {
            deferred.write(Level::Info, line);
        }
        assert_eq!(deferred.dropped(), 0);
        deferred.attach(Arc::new(sink.clone()));
        deferred.write(Level::Info, b"ten\n");
        assert_eq!((sink.lines(), deferred.dropped()), (["one", "two", "ten"].map(String::from).to_vec(), 1));
        deferred.detach();
        deferred.write(Level::Info, b"end\n");
        assert_eq!((sink.lines().len(), deferred.dropped()), (3, 0));
    }
}
