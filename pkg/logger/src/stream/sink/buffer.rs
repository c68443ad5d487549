use std::{
    io,
    sync::{Condvar, Mutex, MutexGuard, atomic::AtomicU64},
    time::Duration,
};

use super::{cache_padded::CachePadded, lock::lock};

/// Gathered bytes that make a batch.
pub(super) const BATCH: usize = 64 * 1024;
/// The time that drop gives the last batch.
pub(super) const CLOSE: Duration = Duration::from_secs(2);

/// What a [`BufferedSink`](super::BufferedSink) and its thread share.
#[derive(Debug)]
pub(super) struct Buffer {
    state: Mutex<BufferState>,
    /// Wakes the writer.
    pub(super) work: Condvar,
    /// Wakes those who wait for room or for a flush.
    pub(super) done: Condvar,
    pub(super) dropped: CachePadded<AtomicU64>,
}

#[derive(Debug, Default)]
pub(super) struct BufferState {
    pub(super) pending: Vec<u8>,
    /// Bytes taken in and bytes done with (written or dropped), since the start.
    pub(super) taken: u64,
    pub(super) finished: u64,
    /// What the writer thread is waiting for; it is woken only when that comes.
    pub(super) waiting: WriterWait,
    pub(super) urgent: bool,
    pub(super) reopen: bool,
    pub(super) closing: bool,
    pub(super) ended: bool,
    /// The output takes nothing; callers do not wait for room.
    pub(super) stalled: bool,
    /// The last batch did not get through.
    pub(super) failing: bool,
    /// The failure since the last flush.
    pub(super) failure: Option<io::Error>,
    pub(super) reopened: Option<io::Result<()>>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriterWait {
    /// Busy; it looks again by itself.
    #[default]
    Nothing,
    FirstLine,
    FullBatch,
}

impl Buffer {
    pub(super) fn new() -> Self {
        let state = BufferState { pending: Vec::with_capacity(BATCH * 2), ..BufferState::default() };
        Self {
            state: Mutex::new(state),
            work: Condvar::new(),
            done: Condvar::new(),
            dropped: CachePadded::new(AtomicU64::new(0)),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, BufferState> {
        lock(&self.state)
    }
}
