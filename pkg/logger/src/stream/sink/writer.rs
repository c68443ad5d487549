use std::{
    mem,
    sync::{Arc, MutexGuard, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{
    BufferedSink,
    buffered::{Shared, State, Waiting},
    pen::{self, Pen},
};

/// The thread of a [`BufferedSink`]: takes what is pending, writes it under no lock, and says so.
pub(super) struct Writer {
    shared: Arc<Shared>,
    pen: Pen,
    linger: Duration,
}

impl Writer {
    const FIRST_PAUSE: Duration = Duration::from_millis(1);
    const LONGEST_PAUSE: Duration = Duration::from_millis(200);

    pub(super) const fn new(shared: Arc<Shared>, pen: Pen, linger: Duration) -> Self {
        Self { shared, pen, linger }
    }

    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let _ended = Ended(&shared);
        let mut batch = Vec::with_capacity(BufferedSink::BATCH * 2);
        loop {
            let mut state = self.next_batch();
            mem::swap(&mut state.pending, &mut batch);
            let (upto, last) = (state.taken, state.closing && !state.reopen);
            state.urgent = false;
            let reopen = mem::take(&mut state.reopen);
            drop(state);
            // There is room again: who waits for that need not wait for the write.
            self.shared.done.notify_all();

            self.write_batch(&batch);
            batch.clear();
            let reopened = reopen.then(|| self.pen.reopen());

            let mut state = self.shared.lock();
            state.finished = upto;
            if reopened.is_some() {
                state.reopened = reopened;
            }
            let end = last && state.pending.is_empty();
            drop(state);
            self.shared.done.notify_all();
            if end {
                return;
            }
        }
    }

    /// Waits until there is a reason to write.
    fn next_batch(&self) -> MutexGuard<'_, State> {
        let mut state = self.shared.lock();
        state.waiting = Waiting::FirstLine;
        let idle = |state: &mut State| state.pending.is_empty() && !state.closing && !state.reopen;
        state = self.shared.work.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);

        state.waiting = Waiting::FullBatch;
        let gathering = |state: &mut State| {
            state.pending.len() < BufferedSink::BATCH && !state.urgent && !state.closing && !state.reopen
        };
        let waited = self.shared.work.wait_timeout_while(state, self.linger, gathering);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting = Waiting::Nothing;
        state
    }

    fn write_batch(&mut self, batch: &[u8]) {
        let mut left = batch;
        let mut pause = Self::FIRST_PAUSE;
        let mut closing_since = None;
        loop {
            let (done, result) = self.pen.write(left);
            left = left.get(done..).unwrap_or_default();
            let mut state = self.shared.lock();
            if done > 0 || result.is_ok() {
                state.stalled = false;
                pause = Self::FIRST_PAUSE;
            }
            state.failing = result.is_err();
            let Err(error) = result else { return };
            let out_of_time = state.closing
                && closing_since.get_or_insert_with(Instant::now).elapsed() > BufferedSink::CLOSE / 2;
            if !pen::is_passing(&error) || out_of_time {
                let (lost, rest) = left.split_at(pen::refused(&error).unwrap_or(left.len()).min(left.len()));
                state.failure = Some(error);
                drop(state);
                let lost = self.pen.abandon(lost);
                self.shared.dropped.fetch_add(lost, Ordering::Relaxed);
                if rest.is_empty() {
                    return;
                }
                left = rest;
                continue;
            }
            // Full for the moment: lines keep gathering behind this batch while it waits.
            let waited = self.shared.work.wait_timeout(state, pause);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            pause = (pause * 2).min(Self::LONGEST_PAUSE);
            if mem::take(&mut state.reopen) {
                drop(state);
                left = self.move_on(left);
            }
        }
    }
}

impl Writer {
    /// Reopens in the middle of a batch, for a full disk is what rotation is for; the rest of the batch goes into the new
    /// file. A line whose beginning is in the old one is lost.
    fn move_on<'b>(&mut self, left: &'b [u8]) -> &'b [u8] {
        let torn = self.pen.is_mid_line();
        let reopened = self.pen.reopen();
        let lost = torn && reopened.is_ok();
        self.shared.dropped.fetch_add(u64::from(lost), Ordering::Relaxed);
        self.shared.lock().reopened = Some(reopened);
        self.shared.done.notify_all();
        let line = left.iter().position(|byte| *byte == b'\n').map_or(left.len(), |end| end + 1);
        left.get(if lost { line } else { 0 }..).unwrap_or_default()
    }
}

/// Tells those who wait that nobody works any more, even if the thread ends by a panic of the output.
struct Ended<'s>(&'s Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.done.notify_all();
    }
}
