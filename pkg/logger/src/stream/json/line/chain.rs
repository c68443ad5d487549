use std::{
    error::Error,
    fmt::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{Line, Span};

impl Line<'_> {
    /// The chain of an error as an array; a cause that the text before it already ends with is left out.
    pub(super) fn chain(&mut self, error: &(dyn Error + 'static)) {
        /// More causes than any honest chain has; a `source` that leads back to itself ends here.
        const MOST: usize = 64;

        self.scratch.buf.push(b'[');
        let mut next = Some(error);
        let mut before: Option<Span> = None;
        for _ in 0..MOST {
            let Some(error) = next else { break };
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

    fn repeats(&self, before: Span, cause: Span) -> bool {
        let text = |span: Span| self.scratch.buf.get(span.start..span.end).unwrap_or_default();
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
