use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{buf::Buf, escape::EscapingWriter};
use crate::placeholders::{DISPLAY_FAILED, DISPLAY_PANICKED};

/// How a piece of user code, run to write a value, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    Whole,
    /// More than the limit; what fitted is there.
    Clipped,
}

/// Appends what user code (a `Display`, a `Debug`, an error) writes, as the content of a JSON string.
///
/// The code runs under no lock and into a private buffer. If it panics or reports an error, what it wrote so far is
/// taken back and a note replaces it; the record around it stays complete.
pub(crate) fn guarded(
    buf: &mut Buf,
    push: fn(&mut Buf, &str),
    limit: usize,
    write: impl FnOnce(&mut EscapingWriter<'_>) -> fmt::Result,
) -> WriteOutcome {
    let start = buf.len();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut escaper =
            EscapingWriter { buf: &mut *buf, push, limit: start.saturating_add(limit), full: false };
        let result = write(&mut escaper);
        (result, escaper.full)
    }));
    match outcome {
        Ok((_, true)) => WriteOutcome::Clipped,
        Ok((Ok(()), false)) => WriteOutcome::Whole,
        Ok((Err(fmt::Error), false)) => {
            buf.truncate(start);
            buf.extend_from_slice(DISPLAY_FAILED.as_bytes());
            WriteOutcome::Whole
        }
        Err(payload) => {
            discard(payload);
            buf.truncate(start);
            buf.extend_from_slice(DISPLAY_PANICKED.as_bytes());
            WriteOutcome::Whole
        }
    }
}

/// Drops what a panic left. Even that may panic; it must not take the record with it.
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
}
