use std::{
    mem,
    sync::{Arc, MutexGuard, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{
    buffer::{self, Buffer, BufferState, WriterWait},
    line_writer::{self, LineWriter},
};

/// The thread of a [`BufferedSink`](super::BufferedSink): takes the pending bytes, writes them under no lock, and wakes the
/// waiters.
pub(super) struct BufferWriter {
    buffer: Arc<Buffer>,
    writer: LineWriter,
    linger: Duration,
}

impl BufferWriter {
    const FIRST_RETRY: Duration = Duration::from_millis(1);
    const LAST_RETRY: Duration = Duration::from_millis(200);

    pub(super) const fn new(buffer: Arc<Buffer>, writer: LineWriter, linger: Duration) -> Self {
        Self { buffer, writer, linger }
    }

    pub(super) fn run(mut self) {
        let buffer = Arc::clone(&self.buffer);
        let _ended = Ended(&buffer);
        let mut batch = Vec::with_capacity(buffer::BATCH * 2);
        loop {
            let mut state = self.next_batch();
            mem::swap(&mut state.pending, &mut batch);
            let (upto, last) = (state.taken, state.closing && !state.reopen);
            state.urgent = false;
            let reopen = mem::take(&mut state.reopen);
            drop(state);
            // There is room again: who waits for that need not wait for the write.
            self.buffer.done.notify_all();

            self.write_batch(&batch);
            batch.clear();
            let reopened = reopen.then(|| self.writer.reopen());

            let mut state = self.buffer.lock();
            state.finished = upto;
            if reopened.is_some() {
                state.reopened = reopened;
            }
            let end = last && state.pending.is_empty();
            drop(state);
            self.buffer.done.notify_all();
            if end {
                return;
            }
        }
    }

    /// Waits until there is a reason to write.
    fn next_batch(&self) -> MutexGuard<'_, BufferState> {
        let mut state = self.buffer.lock();
        state.waiting = WriterWait::FirstLine;
        let idle = |state: &mut BufferState| state.pending.is_empty() && !state.closing && !state.reopen;
        state = self.buffer.work.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);

        state.waiting = WriterWait::FullBatch;
        let gathering = |state: &mut BufferState| {
            state.pending.len() < buffer::BATCH && !state.urgent && !state.closing && !state.reopen
        };
        let waited = self.buffer.work.wait_timeout_while(state, self.linger, gathering);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting = WriterWait::Nothing;
        state
    }

    fn write_batch(&mut self, batch: &[u8]) {
        let mut left = batch;
        let mut pause = Self::FIRST_RETRY;
        let mut closing_since = None;
        loop {
            let (done, result) = self.writer.write(left);
            left = left.get(done..).unwrap_or_default();
            let mut state = self.buffer.lock();
            if done > 0 || result.is_ok() {
                state.stalled = false;
                pause = Self::FIRST_RETRY;
            }
            state.failing = result.is_err();
            let Err(error) = result else { return };
            let out_of_time =
                state.closing && closing_since.get_or_insert_with(Instant::now).elapsed() > buffer::CLOSE / 2;
            if !line_writer::is_passing(&error) || out_of_time {
                state.failure = Some(error);
                drop(state);
                let lost = self.writer.abandon(left);
                self.buffer.dropped.fetch_add(lost, Ordering::Relaxed);
                return;
            }
            // Full for the moment: lines keep gathering behind this batch while it waits.
            let waited = self.buffer.work.wait_timeout(state, pause);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            pause = (pause * 2).min(Self::LAST_RETRY);
            if mem::take(&mut state.reopen) {
                drop(state);
                left = self.reopen_mid_batch(left);
            }
        }
    }
}

impl BufferWriter {
    /// Reopens in the middle of a batch, for a full disk is what rotation is for; the rest of the batch goes into the new
    /// file. A line whose beginning is in the old one is lost.
    fn reopen_mid_batch<'b>(&mut self, left: &'b [u8]) -> &'b [u8] {
        let torn = self.writer.is_mid_line();
        let reopened = self.writer.reopen();
        let lost = torn && reopened.is_ok();
        self.buffer.dropped.fetch_add(u64::from(lost), Ordering::Relaxed);
        self.buffer.lock().reopened = Some(reopened);
        self.buffer.done.notify_all();
        let line = left.iter().position(|byte| *byte == b'\n').map_or(left.len(), |end| end + 1);
        left.get(if lost { line } else { 0 }..).unwrap_or_default()
    }
}

/// Wakes all waiters when the thread ends, even by a panic of the output.
struct Ended<'s>(&'s Buffer);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.done.notify_all();
    }
}
