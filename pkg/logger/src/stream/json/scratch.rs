use std::cell::Cell;

use super::{buf::Buf, timestamp::TimestampCache};

/// A range of bytes in the buffer of a [`Scratch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteRange {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// What a thread keeps between two records so that the second allocates nothing.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// The line being built.
    pub(crate) buf: Buf,
    /// Where the keys of the fields are, for the search for duplicates.
    pub(crate) keys: Vec<ByteRange>,
    /// Where the contents of the string values are, for clipping.
    pub(crate) texts: Vec<ByteRange>,
    /// The last second that was rendered.
    pub(crate) second: TimestampCache,
}

impl Scratch {
    /// More than this is not kept after an unusually large record.
    const KEPT: usize = 64 * 1024;

    pub(super) fn new() -> Self {
        Self {
            buf: Buf::with_capacity(1024),
            keys: Vec::with_capacity(32),
            texts: Vec::with_capacity(32),
            second: TimestampCache::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.buf.clear();
        self.keys.clear();
        self.texts.clear();
    }
}

/// Lends the thread's scratch. Code that logs while its own `Display` is being logged gets a fresh one.
pub(crate) fn with_scratch<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    thread_local! {
        static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
    }
    // The thread-local is gone while a thread ends; a record of that moment pays for an allocation.
    let kept = SCRATCH.try_with(Cell::take).ok().flatten();
    let mut scratch = kept.unwrap_or_else(|| Box::new(Scratch::new()));
    scratch.clear();
    let done = work(&mut scratch);
    if scratch.buf.capacity() <= Scratch::KEPT {
        // A thread that is ending drops it instead.
        let _unkept = SCRATCH.try_with(|cell| cell.set(Some(scratch)));
    }
    done
}
