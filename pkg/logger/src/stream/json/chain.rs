use std::{
    error::Error,
    fmt::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{limits, scratch::ByteRange, value_writer::ValueWriter};

impl ValueWriter<'_> {
    /// The chain of an error as an array; a cause that the text before it already ends with is left out.
    pub(super) fn chain(&mut self, error: &(dyn Error + 'static)) {
        let begin = self.scratch.buf.len();
        self.scratch.buf.push(b'[');
        let mut next = Some(error);
        let mut before: Option<ByteRange> = None;
        for _ in 0..limits::CAUSES {
            let Some(error) =
                next.filter(|_| self.scratch.buf.len() - begin <= self.cap.saturating_mul(limits::OVER))
            else {
                break;
            };
            let (start, known) = (self.scratch.buf.len(), self.scratch.texts.len());
            if before.is_some() {
                self.scratch.buf.push(b',');
            }
            self.user_text(|out| write!(out, "{error}"));
            let span = self.scratch.texts.last().copied();
            if before.is_some_and(|before| span.is_some_and(|span| self.repeats(before, span))) {
                self.scratch.buf.truncate(start);
                self.scratch.texts.truncate(known);
            } else {
                before = span;
            }
            next = catch_unwind(AssertUnwindSafe(|| error.source())).ok().flatten();
        }
        self.scratch.buf.push(b']');
    }

    fn repeats(&self, before: ByteRange, cause: ByteRange) -> bool {
        let text = |span: ByteRange| self.scratch.buf.get(span.start..span.end).unwrap_or_default();
        let (before, cause) = (text(before), text(cause));
        // As underpin_errors::chain decides: a cause as a whole, not the same letters at the end of a longer word.
        before.strip_suffix(cause).is_some_and(|head| match (head.last(), cause.first()) {
            (Some(last), Some(first)) => {
                !(last.is_ascii_alphanumeric() && first.is_ascii_alphanumeric()) && *last != b'\\'
            }
            _ => true,
        })
    }
}
