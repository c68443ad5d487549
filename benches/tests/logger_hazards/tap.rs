use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// How long a test waits for an event.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// An output whose behaviour a test switches while it runs.
#[derive(Clone, Default)]
pub(crate) struct Tap(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    mode: Mode,
    taken: Vec<u8>,
    writes: usize,
    hanging: bool,
    failed: bool,
}

#[derive(Default, Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    #[default]
    Open,
    Fails(io::ErrorKind),
    /// Until it is opened.
    Hangs,
    /// Takes so many bytes more, then says that it would block.
    Takes(usize),
}

impl Tap {
    pub(crate) fn set(&self, mode: Mode) {
        self.lock().mode = mode;
        self.0.changed.notify_all();
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.lock().taken.clone()).expect("a log is UTF-8")
    }

    pub(crate) fn writes(&self) -> usize {
        self.lock().writes
    }

    pub(crate) fn is_hanging(&self) -> bool {
        self.lock().hanging
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.lock().failed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("nobody panics in here")
    }
}

impl Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.lock();
        state.writes += 1;
        while state.mode == Mode::Hangs {
            state.hanging = true;
            state = self.0.changed.wait(state).expect("nobody panics in here");
        }
        let count = match state.mode {
            Mode::Fails(kind) => {
                state.failed = true;
                return Err(kind.into());
            }
            Mode::Takes(0) => {
                state.failed = true;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Mode::Takes(left) => bytes.len().min(left),
            Mode::Open | Mode::Hangs => bytes.len(),
        };
        if let Mode::Takes(left) = &mut state.mode {
            *left -= count;
        }
        state.taken.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
