use std::{
    io,
    sync::{Arc, MutexGuard, PoisonError, atomic::Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    buffer::{self, Buffer, BufferState, WriterWait},
    buffer_writer::BufferWriter,
    line_writer::{self, LineWriter},
    output::Output,
    sink_trait::Sink,
};
use crate::{FlushError, Level};

/// What a full [`BufferedSink`] does with the next line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The caller waits for room, at most this long per write. Then lines are dropped and counted, without waiting, until the
    /// output takes bytes again.
    Block(Duration),
    /// The line is dropped and counted; the caller never waits.
    Drop,
}

/// Buffers lines; one thread writes them in batches (group commit).
///
/// A batch is written when it has 64 KiB, 50 ms after its first line, at once for a line of error level or above, on
/// [`Sink::flush`] and on drop. Retries writes that fail with EAGAIN or ENOSPC; after any other error the batch is dropped and
/// counted. Drop waits up to two seconds for the last batch.
///
/// A write of more than 64 KiB is split into pieces of whole lines; lines of other threads may come between them. A line
/// larger than the whole buffer is accepted when the buffer is empty.
///
/// # Fork
///
/// A child made by `fork` without `exec` has no writer thread, and a lock that another thread held stays locked. Make a logger
/// in the child.
#[derive(Debug)]
pub struct BufferedSink {
    buffer: Arc<Buffer>,
    thread: Option<JoinHandle<()>>,
    capacity: usize,
    overflow: Overflow,
}

impl BufferedSink {
    /// Gathered bytes that make a batch.
    pub const BATCH: usize = buffer::BATCH;
    /// The time after which an unfilled batch goes out.
    pub const LINGER: Duration = Duration::from_millis(50);
    /// The time that drop gives the last batch.
    pub const CLOSE: Duration = buffer::CLOSE;
    /// The default size of the buffer in bytes.
    pub const CAPACITY: usize = 1024 * 1024;

    /// A sink with a buffer of [`BufferedSink::CAPACITY`] that waits up to a second for room.
    ///
    /// # Errors
    ///
    /// When the system refuses another thread.
    pub fn new(output: Output) -> io::Result<Self> {
        Self::with(output, Self::CAPACITY, Overflow::Block(Duration::from_secs(1)))
    }

    /// A sink with a buffer of `capacity` bytes, at least one batch.
    ///
    /// # Errors
    ///
    /// When the system refuses another thread.
    pub fn with(output: Output, capacity: usize, overflow: Overflow) -> io::Result<Self> {
        Self::spawn(output, capacity, overflow, Self::LINGER)
    }

    fn spawn(output: Output, capacity: usize, overflow: Overflow, linger: Duration) -> io::Result<Self> {
        let buffer = Arc::new(Buffer::new());
        let writer = BufferWriter::new(Arc::clone(&buffer), LineWriter::new(output), linger);
        let thread = thread::Builder::new().name("underpin-log".to_owned()).spawn(move || writer.run())?;
        Ok(Self { buffer, thread: Some(thread), capacity: capacity.max(Self::BATCH), overflow })
    }

    /// Takes lines in, or counts them as lost when there is no room for them until `since` is too long ago.
    fn put(&self, level: Level, lines: &[u8], since: &mut Option<Instant>) {
        let mut state = self.buffer.lock();
        if !self.fits(&state, lines.len()) {
            let room;
            (state, room) = self.make_room(state, lines.len(), since);
            if !room {
                self.buffer.dropped.fetch_add(line_writer::count_lines(lines), Ordering::Relaxed);
                return;
            }
        }
        self.append(state, level, lines);
    }

    /// Whether there is room. There always is for what would be alone, or a line that is larger than the buffer would
    /// never get through.
    #[inline]
    fn fits(&self, state: &BufferState, len: usize) -> bool {
        state.pending.len() + len <= self.capacity || state.pending.is_empty()
    }

    /// Waits for room as the policy says, and counts that from `since` on; false when there is none.
    fn make_room<'s>(
        &self,
        mut state: MutexGuard<'s, BufferState>,
        len: usize,
        since: &mut Option<Instant>,
    ) -> (MutexGuard<'s, BufferState>, bool) {
        if let Overflow::Block(limit) = self.overflow
            && !state.stalled
        {
            let left = limit.saturating_sub(since.get_or_insert_with(Instant::now).elapsed());
            let full = |state: &mut BufferState| !self.fits(state, len) && !state.stalled;
            let waited = self.buffer.done.wait_timeout_while(state, left, full);
            let timeout;
            (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state.stalled |= timeout.timed_out();
        }
        let room = self.fits(&state, len);
        (state, room)
    }

    fn append(&self, mut state: MutexGuard<'_, BufferState>, level: Level, lines: &[u8]) {
        state.pending.extend_from_slice(lines);
        state.taken += lines.len() as u64;
        state.urgent |= level >= Level::Error;
        let wake = match state.waiting {
            WriterWait::Nothing => false,
            WriterWait::FirstLine => true,
            WriterWait::FullBatch => state.urgent || state.pending.len() >= Self::BATCH,
        };
        if wake {
            state.waiting = WriterWait::Nothing;
            drop(state);
            self.buffer.work.notify_one();
        }
    }
}

impl Sink for BufferedSink {
    fn write(&self, level: Level, lines: &[u8]) {
        let mut since = None;
        let mut left = lines;
        // What a flight recorder held may be larger than the buffer.
        while left.len() > Self::BATCH {
            let (piece, rest) = line_writer::whole_lines(left, Self::BATCH);
            self.put(level, piece, &mut since);
            left = rest;
        }
        if !left.is_empty() {
            self.put(level, left, &mut since);
        }
    }

    fn offer(&self, lines: &[u8]) -> bool {
        let state = self.buffer.lock();
        let taken = self.fits(&state, lines.len()) && !state.stalled && !state.failing;
        if taken {
            self.append(state, Level::Warn, lines);
        }
        taken
    }

    fn flush(&self, deadline: Duration) -> Result<(), FlushError> {
        let mut state = self.buffer.lock();
        let target = state.taken;
        if state.finished < target {
            state.urgent = true;
            self.buffer.work.notify_one();
            let unfinished = |state: &mut BufferState| state.finished < target && !state.ended;
            let waited = self.buffer.done.wait_timeout_while(state, deadline, unfinished);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        match state.failure.take() {
            _ if state.finished < target => Err(FlushError::TimedOut { within: deadline }),
            Some(error) => Err(FlushError::Sink(error)),
            None => Ok(()),
        }
    }

    fn dropped(&self) -> u64 {
        self.buffer.dropped.load(Ordering::Relaxed)
    }

    fn reopen(&self) -> io::Result<()> {
        let mut state = self.buffer.lock();
        (state.reopen, state.reopened) = (true, None);
        self.buffer.work.notify_one();
        let deadline = Instant::now() + Self::CLOSE;
        loop {
            if let Some(result) = state.reopened.take() {
                return result;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.ended {
                return Err(io::ErrorKind::TimedOut.into());
            }
            (state, _) = self.buffer.done.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for BufferedSink {
    fn drop(&mut self) {
        let mut state = self.buffer.lock();
        state.closing = true;
        self.buffer.work.notify_one();
        let waited = self.buffer.done.wait_timeout_while(state, Self::CLOSE, |state| !state.ended);
        let ended = waited.unwrap_or_else(PoisonError::into_inner).0.ended;
        if let Some(thread) = self.thread.take()
            && ended
        {
            // It has nothing left to do, and its panic, which cannot be, would have nothing to tell.
            let _joined = thread.join();
        }
        // Otherwise it hangs in a system call that nothing can end; the process must not hang with it.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: Duration = Duration::from_secs(3600);
    const SOON: Duration = Duration::from_secs(10);

    /// Sends what is written.
    #[derive(Clone)]
    struct Channel(std::sync::mpsc::Sender<Vec<u8>>);

    impl io::Write for Channel {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn sink() -> (BufferedSink, std::sync::mpsc::Receiver<Vec<u8>>) {
        let (sender, written) = std::sync::mpsc::channel();
        let output = Output::writer(Channel(sender));
        (BufferedSink::spawn(output, BufferedSink::CAPACITY, Overflow::Drop, NEVER).unwrap(), written)
    }

    #[test]
    fn a_line_of_error_level_takes_those_before_it_along_at_once() {
        let (sink, written) = sink();
        sink.write(Level::Info, b"one\n");
        sink.write(Level::Error, b"two\n");
        let mut all = Vec::new();
        while all != b"one\ntwo\n" {
            all.extend(written.recv_timeout(SOON).unwrap());
        }
    }

    #[test]
    fn a_full_batch_goes_out_without_lingering() {
        let (sink, written) = sink();
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        (0..BufferedSink::BATCH / line.len()).for_each(|_| sink.write(Level::Info, &line));
        assert_eq!(written.recv_timeout(SOON).unwrap().len(), BufferedSink::BATCH);
    }
}
