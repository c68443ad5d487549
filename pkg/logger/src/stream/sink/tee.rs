use std::{
    fmt, io,
    sync::Arc,
    time::{Duration, Instant},
};

use super::sink_trait::Sink;
use crate::{FlushError, Level};

/// Passes every line to several sinks, in the order in which they were added.
#[derive(Default)]
pub struct TeeSink {
    sinks: Vec<Arc<dyn Sink>>,
}

impl TeeSink {
    /// A sink over none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sink.
    #[must_use]
    pub fn and(self, sink: impl Sink + 'static) -> Self {
        self.and_shared(Arc::new(sink))
    }

    /// Adds a sink that others use too.
    #[must_use]
    pub fn and_shared(mut self, sink: Arc<dyn Sink>) -> Self {
        self.sinks.push(sink);
        self
    }
}

impl Sink for TeeSink {
    fn write(&self, level: Level, lines: &[u8]) {
        self.sinks.iter().for_each(|sink| sink.write(level, lines));
    }

    /// True when any sink took them.
    fn offer(&self, lines: &[u8]) -> bool {
        self.sinks.iter().map(|sink| sink.offer(lines)).fold(false, |any, taken| any | taken)
    }

    /// Flushes one after the other, all within the deadline; the first failure is reported.
    fn flush(&self, deadline: Duration) -> Result<(), FlushError> {
        // A deadline that no clock can hold is one that never comes.
        let end = Instant::now().checked_add(deadline);
        let left = || end.map_or(deadline, |end| end.saturating_duration_since(Instant::now()));
        self.sinks.iter().map(|sink| sink.flush(left())).fold(Ok(()), Result::and)
    }

    /// The losses of all sinks together.
    fn dropped(&self) -> u64 {
        self.sinks.iter().map(|sink| sink.dropped()).sum()
    }

    /// Reopens all; the first failure is reported.
    fn reopen(&self) -> io::Result<()> {
        self.sinks.iter().map(|sink| sink.reopen()).fold(Ok(()), Result::and)
    }
}

impl fmt::Debug for TeeSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TeeSink").field("sinks", &self.sinks.len()).finish()
    }
}
