use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    cache_padded::CachePadded,
    line_writer::{self, LineWriter},
    lock::lock,
    output::Output,
    sink_trait::Sink,
};
use crate::{FlushError, Level};

/// Writes each line at once, with one system call. A line is not lost when the process dies after the call.
///
/// Retries writes that fail with EAGAIN or ENOSPC for 50 ms. Then it drops and counts lines, without waiting, until the output
/// takes one. Writes do not block on files, on named pipes and devices given by path, on sockets (standard output under
/// systemd, [`Output::descriptor`]), and on Linux on pipes and terminals, even when Ctrl-S has stopped a terminal.
///
/// A write blocks its caller on an inherited pipe or terminal on systems other than Linux, on any of these on Windows, and on an
/// [`Output::writer`] that blocks. Use [`BufferedSink`](super::BufferedSink) there; [`LogSink::Auto`](crate::LogSink) does,
/// except for terminals.
#[derive(Debug)]
pub struct DirectSink {
    state: Mutex<DirectState>,
    dropped: CachePadded<AtomicU64>,
}

#[derive(Debug)]
struct DirectState {
    writer: LineWriter,
    /// The output was full for longer than a write retries; writes do not retry until it takes a line again.
    stalled: bool,
    /// The last line did not get through.
    failing: bool,
}

impl DirectSink {
    const RETRY_FOR: Duration = Duration::from_millis(50);
    const RETRY_EVERY: Duration = Duration::from_millis(1);

    /// A sink over an output.
    pub fn new(output: Output) -> Self {
        let state =
            DirectState { writer: LineWriter::new(output.nonblocking()), stalled: false, failing: false };
        Self { state: Mutex::new(state), dropped: CachePadded::new(AtomicU64::new(0)) }
    }
}

impl Sink for DirectSink {
    fn write(&self, _: Level, lines: &[u8]) {
        let mut state = lock(&self.state);
        let mut failing_since = None;
        let mut left = lines;
        loop {
            let (done, result) = state.writer.write(left);
            left = left.get(done..).unwrap_or_default();
            let Err(error) = result else {
                (state.stalled, state.failing) = (false, false);
                return;
            };
            let since = failing_since.get_or_insert_with(Instant::now).elapsed();
            let wait = line_writer::is_passing(&error) && !state.stalled && since < Self::RETRY_FOR;
            if !wait {
                state.stalled |= line_writer::is_passing(&error);
                state.failing = true;
                let lost = state.writer.abandon(left);
                self.dropped.fetch_add(lost, Ordering::Relaxed);
                return;
            }
            thread::park_timeout(Self::RETRY_EVERY);
        }
    }

    fn offer(&self, lines: &[u8]) -> bool {
        let mut state = lock(&self.state);
        if state.failing {
            return false;
        }
        let (done, result) = state.writer.write(lines);
        if result.is_err() {
            state.failing = true;
            let _not_counted = state.writer.abandon(lines.get(done..).unwrap_or_default());
        }
        result.is_ok()
    }

    fn flush(&self, _: Duration) -> Result<(), FlushError> {
        let mut state = lock(&self.state);
        state.writer.write(&[]).1.map_err(FlushError::Sink)
    }

    fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn reopen(&self) -> std::io::Result<()> {
        lock(&self.state).writer.reopen()
    }
}
