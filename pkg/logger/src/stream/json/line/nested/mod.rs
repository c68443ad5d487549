//! Whatever serde can serialize, straight into the line.
//!
//! The code that runs here is the user's, and may stop, fail or panic at any element. So each element is written as a
//! whole or taken back, and the lists and objects that are open are known at every moment.

mod compound;
mod out;

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

pub(crate) use compound::Compound;
pub(crate) use out::{Out, Stop};

use super::{END, Line, MARK, Span};
use crate::{
    Nested, Redaction, Value,
    stream::json::{Buf, Scratch, clip, escape, guard},
};

/// A nested value on its way into a line.
pub(crate) struct Nest<'n, 's> {
    line: &'n mut Line<'s>,
    start: usize,
    /// The bytes that there are for everything but long texts, which can be clipped later.
    room: usize,
    /// The bytes that there are in all.
    most: usize,
    /// The bytes in long texts.
    long: usize,
    /// The keys that lead here, for the redaction.
    path: String,
    /// What closes the lists and objects that are open.
    open: Vec<u8>,
    depth: usize,
    /// The room is used up; nothing more is written.
    full: bool,
}

/// A state to go back to.
#[derive(Debug, Clone, Copy)]
struct Mark {
    len: usize,
    texts: usize,
    long: usize,
    path: usize,
    open: usize,
}

impl Line<'_> {
    /// The value of the field `key`.
    pub(super) fn nested(&mut self, key: &str, value: Nested<'_>) {
        let room = self.cap.saturating_sub(self.scratch.buf.len() + MARK.len() + END.len());
        let most = self.cap.saturating_mul(2);
        self.nested_within(key, value, room, most);
    }

    fn nested_within(&mut self, key: &str, value: Nested<'_>, room: usize, most: usize) {
        let (start, texts) = (self.scratch.buf.len(), self.scratch.texts.len());
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let (path, open) = (key.to_owned(), Vec::new());
            let mut nest =
                Nest { line: &mut *self, start, room, most, long: 0, path, open, depth: 0, full: false };
            let whole = value.encode(Out(&mut nest)).is_ok();
            nest.full |= nest.is_over();
            if nest.full {
                nest.close_down_to(0);
                nest.line.clipped = true;
            }
            // Where the room ended, what is whole stays, if there is anything.
            let fits = nest.used() > 0 && !nest.is_over();
            match (whole || nest.full, fits) {
                (true, true) => Ok(()),
                (true, false) => Err("[too large]"),
                (false, _) => Err("[serialize failed]"),
            }
        }));
        let note = match outcome {
            Ok(Ok(())) => return,
            Ok(Err(note)) => note,
            Err(payload) => {
                guard::discard(payload);
                "[serialize panicked]"
            }
        };
        self.scratch.buf.truncate(start);
        self.scratch.texts.truncate(texts);
        self.text(note);
    }
}

impl Nest<'_, '_> {
    /// A text of at least a 16th of the cap is clipped rather than left out. Few fit, so clipping stays cheap.
    const LONG: usize = 16;

    fn mark(&self) -> Mark {
        Mark {
            len: self.line.scratch.buf.len(),
            texts: self.line.scratch.texts.len(),
            long: self.long,
            path: self.path.len(),
            open: self.open.len(),
        }
    }

    fn roll_back(&mut self, mark: Mark) {
        self.line.scratch.buf.truncate(mark.len);
        self.line.scratch.texts.truncate(mark.texts);
        self.long = mark.long;
        self.path.truncate(mark.path);
        self.open.truncate(mark.open);
    }

    /// Whether more is written than there is room for, closing brackets included.
    fn is_over(&self) -> bool {
        let used = self.used() + self.open.len();
        used.saturating_sub(self.long) > self.room || used > self.most
    }

    fn used(&self) -> usize {
        self.line.scratch.buf.len() - self.start
    }

    /// Writes one element whose beginning (a comma, a key) is there since `mark`: whole, up to where the room ends, or not
    /// at all.
    fn element<T: Serialize + ?Sized>(&mut self, mark: Mark, value: &T) -> Result<(), Stop> {
        self.full |= self.is_over();
        if self.full {
            self.roll_back(mark);
            return Err(Stop);
        }
        let written = self.value(value);
        self.path.truncate(mark.path);
        let kept = if self.full && self.open.len() > mark.open {
            // The room ended inside of it; what is whole of it stays.
            self.close_down_to(mark.open);
            true
        } else {
            written.is_ok()
        };
        self.full |= self.is_over();
        if !kept || self.is_over() {
            self.roll_back(mark);
        }
        if kept && !self.full { Ok(()) } else { Err(Stop) }
    }

    /// A value without its surroundings.
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        if self.depth == Nested::DEPTH {
            self.line.clipped = true;
            self.text("[too deep]");
            return Ok(());
        }
        self.depth += 1;
        let written = value.serialize(Out(&mut *self));
        self.depth -= 1;
        written
    }

    fn open(&mut self, opens: u8, closes: u8) {
        self.line.scratch.buf.push(opens);
        self.open.push(closes);
    }

    fn close(&mut self) {
        if let Some(closes) = self.open.pop() {
            self.line.scratch.buf.push(closes);
        }
    }

    fn close_down_to(&mut self, open: usize) {
        while self.open.len() > open {
            self.close();
        }
    }

    /// A number, a truth value or nothing.
    fn scalar(&mut self, value: Value<'_>) {
        let texts = self.line.scratch.texts.len();
        self.line.value(value);
        // A number that is written as a text is not clipped.
        self.line.scratch.texts.truncate(texts);
    }

    fn text(&mut self, text: &str) {
        let kept = text.floor_char_boundary(self.left().min(text.len()));
        self.line.clipped |= kept < text.len();
        self.text_of(|buf, _| {
            escape::push(buf, text.get(..kept).unwrap_or_default());
            Ok(())
        })
        .unwrap_or_default();
    }

    /// How much of a text there is room for, before it is escaped.
    fn left(&self) -> usize {
        self.most.saturating_sub(self.used() + self.open.len() + "\"\"".len())
    }

    /// Writes a text whose content comes from `write`.
    fn text_of(&mut self, write: impl FnOnce(&mut Buf, usize) -> Result<(), Stop>) -> Result<(), Stop> {
        let left = self.left();
        let buf = &mut self.line.scratch.buf;
        buf.push(b'"');
        let start = buf.len();
        write(buf, start + left)?;
        if buf.len() - start > left {
            let whole = clip::whole_units(buf.get(start..).unwrap_or_default(), left);
            buf.truncate(start + whole);
            self.line.clipped = true;
        }
        let end = buf.len();
        buf.push(b'"');
        if (end - start).saturating_mul(Self::LONG) >= self.line.cap {
            self.line.scratch.texts.push(Span { start, end });
            self.long += end - start;
        }
        Ok(())
    }
}

/// The JSON of the value of a field alone, of about `most` bytes at most.
pub(crate) fn rendered(key: &str, value: Nested<'_>, redact: &Redaction, most: usize) -> String {
    let mut scratch = Scratch::new();
    Line::bare(&mut scratch, redact, most).nested_within(key, value, most, most);
    String::from_utf8_lossy(&scratch.buf).into_owned()
}
