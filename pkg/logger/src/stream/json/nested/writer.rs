use std::fmt;

use serde::ser;

use crate::stream::json::{buf::Buf, clip, escape, scratch::ByteRange, value_writer::ValueWriter};

/// Serialization ends here. Why is known to the [`NestedWriter`]: what the user's code is handed may not come back.
#[derive(Debug)]
pub(crate) struct SerializeStopped;

impl fmt::Display for SerializeStopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value is not logged any further")
    }
}

impl std::error::Error for SerializeStopped {}

impl ser::Error for SerializeStopped {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Writes one nested value, and knows what of it is open.
pub(crate) struct NestedWriter<'n, 's> {
    pub(super) line: &'n mut ValueWriter<'s>,
    start: usize,
    /// The bytes that there are for everything but long texts, which can be clipped later.
    room: usize,
    /// The bytes that there are in all.
    most: usize,
    /// The bytes in long texts.
    pub(super) long: usize,
    /// The keys that lead here, for the redaction.
    pub(super) path: String,
    /// What closes the lists and objects that are open.
    pub(super) open: Vec<u8>,
    pub(super) depth: usize,
    /// The room is used up; nothing more is written.
    pub(super) full: bool,
}

/// A state to go back to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    len: usize,
    pub(super) texts: usize,
    pub(super) long: usize,
    pub(super) path: usize,
    pub(super) open: usize,
}

impl<'n, 's> NestedWriter<'n, 's> {
    pub(super) fn new(line: &'n mut ValueWriter<'s>, key: &str, room: usize, most: usize) -> Self {
        let start = line.scratch.buf.len();
        Self {
            line,
            start,
            room,
            most,
            long: 0,
            path: key.to_owned(),
            open: Vec::new(),
            depth: 0,
            full: false,
        }
    }
}

impl NestedWriter<'_, '_> {
    /// A text of at least a 16th of the cap is clipped rather than left out. Few fit, so clipping stays cheap.
    const LONG: usize = 16;

    pub(super) fn mark(&self) -> Mark {
        Mark {
            len: self.line.scratch.buf.len(),
            texts: self.line.scratch.texts.len(),
            long: self.long,
            path: self.path.len(),
            open: self.open.len(),
        }
    }

    pub(super) fn roll_back(&mut self, mark: Mark) {
        self.line.scratch.buf.truncate(mark.len);
        self.line.scratch.texts.truncate(mark.texts);
        self.long = mark.long;
        self.path.truncate(mark.path);
        self.open.truncate(mark.open);
    }

    /// Whether more is written than there is room for, closing brackets included.
    pub(super) fn is_over(&self) -> bool {
        let used = self.used() + self.open.len();
        used.saturating_sub(self.long) > self.room || used > self.most
    }

    pub(super) fn used(&self) -> usize {
        self.line.scratch.buf.len() - self.start
    }

    pub(super) fn open(&mut self, opens: u8, closes: u8) {
        self.line.scratch.buf.push(opens);
        self.open.push(closes);
    }

    pub(super) fn close(&mut self) {
        if let Some(closes) = self.open.pop() {
            self.line.scratch.buf.push(closes);
        }
    }

    pub(super) fn close_down_to(&mut self, open: usize) {
        while self.open.len() > open {
            self.close();
        }
    }

    pub(super) fn null(&mut self) {
        self.line.null();
    }

    /// Writes a number or a truth value.
    pub(super) fn scalar(&mut self, write: impl FnOnce(&mut ValueWriter<'_>)) {
        let texts = self.line.scratch.texts.len();
        write(self.line);
        // A number that is written as a text is not clipped.
        self.line.scratch.texts.truncate(texts);
    }

    pub(super) fn text(&mut self, text: &str) {
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
    pub(super) fn text_of(
        &mut self,
        write: impl FnOnce(&mut Buf, usize) -> Result<(), SerializeStopped>,
    ) -> Result<(), SerializeStopped> {
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
            self.line.scratch.texts.push(ByteRange { start, end });
            self.long += end - start;
        }
        Ok(())
    }
}
