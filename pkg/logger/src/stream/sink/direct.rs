use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{Output, Sink, apart::Apart, lock::lock, pen};
use crate::{FlushError, Level};

/// Writes each line at once, with one system call: nothing is held back, so nothing is lost when the process dies.
///
/// An output that is full for the moment (EAGAIN, no space left) is tried again for 50 ms; then lines are dropped and
/// counted, without waiting, until the output takes one. That holds for files, for named pipes and devices given by path, for
/// sockets (standard output under systemd, [`Output::descriptor`]), and on Linux for pipes and terminals too, also for a terminal
/// that Ctrl-S has stopped.
///
/// Where the system or the writer has no way not to wait, one that stands still keeps the caller waiting inside of the
/// call: an inherited pipe or terminal on systems other than Linux, any of these on Windows, and an [`Output::writer`] that
/// waits. Use [`BufferedSink`](super::BufferedSink) there, which is also what [`LogSink::Auto`](crate::LogSink) does unless a
/// person is looking.
#[derive(Debug)]
pub struct DirectSink {
    state: Mutex<State>,
    dropped: Apart<AtomicU64>,
}

#[derive(Debug)]
struct State {
    pen: pen::Pen,
    /// The output was full for longer than anybody waits; nobody waits until it takes something again.
    stalled: bool,
    /// The last line did not get through.
    failing: bool,
}

impl DirectSink {
    const PATIENCE: Duration = Duration::from_millis(50);
    const STEP: Duration = Duration::from_millis(1);

    /// A sink over an output.
    pub fn new(output: Output) -> Self {
        let state = State { pen: pen::Pen::new(output.without_waiting()), stalled: false, failing: false };
        Self { state: Mutex::new(state), dropped: Apart::new(AtomicU64::new(0)) }
    }
}

impl Sink for DirectSink {
    fn write(&self, _: Level, lines: &[u8]) {
        let mut state = lock(&self.state);
        let mut failing_since = None;
        let mut left = lines;
        loop {
            let (done, result) = state.pen.write(left);
            left = left.get(done..).unwrap_or_default();
            let Err(error) = result else {
                (state.stalled, state.failing) = (false, false);
                return;
            };
            let since = failing_since.get_or_insert_with(Instant::now).elapsed();
            let wait = pen::is_passing(&error) && !state.stalled && since < Self::PATIENCE;
            if !wait {
                state.stalled |= pen::is_passing(&error);
                state.failing = true;
                let lost = state.pen.abandon(left);
                self.dropped.fetch_add(lost, Ordering::Relaxed);
                return;
            }
            thread::park_timeout(Self::STEP);
        }
    }

    fn offer(&self, lines: &[u8]) -> bool {
        let mut state = lock(&self.state);
        if state.failing {
            return false;
        }
        let (done, result) = state.pen.write(lines);
        if result.is_err() {
            state.failing = true;
            let _not_counted = state.pen.abandon(lines.get(done..).unwrap_or_default());
        }
        result.is_ok()
    }

    fn flush(&self, _: Duration) -> Result<(), FlushError> {
        let mut state = lock(&self.state);
        state.pen.write(&[]).1.map_err(FlushError::Sink)
    }

    fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn reopen(&self) -> std::io::Result<()> {
        lock(&self.state).pen.reopen()
    }
}
