use std::fmt;

use super::{
    digits,
    escape::{self, EscapingWriter},
    guard::{WriteOutcome, guarded},
    scratch::{ByteRange, Scratch},
};
use crate::Redaction;

/// Marks a record of which something was left out.
pub(super) const MARK: &[u8] = b",\"truncated\":true";
/// Ends a record.
pub(super) const END: &[u8; 2] = b"}\n";

/// Writes JSON values to the end of the line in a [`Scratch`].
pub(crate) struct ValueWriter<'s> {
    pub(super) scratch: &'s mut Scratch,
    pub(super) redact: &'s Redaction,
    /// The most bytes of the line, newline included.
    pub(super) cap: usize,
    /// Something was left out.
    pub(super) clipped: bool,
}

impl<'s> ValueWriter<'s> {
    pub(super) const fn new(scratch: &'s mut Scratch, redact: &'s Redaction, cap: usize) -> Self {
        Self { scratch, redact, cap, clipped: false }
    }

    pub(super) fn null(&mut self) {
        self.scratch.buf.extend_from_slice(b"null");
    }

    pub(super) fn bool(&mut self, truth: bool) {
        self.scratch.buf.fill(|out| put_bool(out, truth));
    }

    pub(super) fn i64(&mut self, number: i64) {
        self.scratch.buf.fill(|out| digits::put_i64(out, number));
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.scratch.buf.fill(|out| digits::put_u64(out, number));
    }

    /// A number where it fits into 64 bits, else a text, so that no reader rounds it.
    pub(super) fn i128(&mut self, number: i128) {
        match i64::try_from(number) {
            Ok(number) => self.i64(number),
            Err(_) => self.text(itoa::Buffer::new().format(number)),
        }
    }

    /// As [`ValueWriter::i128`].
    pub(super) fn u128(&mut self, number: u128) {
        match u64::try_from(number) {
            Ok(number) => self.u64(number),
            Err(_) => self.text(itoa::Buffer::new().format(number)),
        }
    }

    /// A number; what JSON lacks is a text.
    pub(super) fn f64(&mut self, number: f64) {
        match number {
            _ if number.is_finite() => self.scratch.buf.fill(|out| digits::put_f64(out, number)),
            _ if number.is_nan() => self.text("NaN"),
            _ if number > 0.0 => self.text("inf"),
            _ => self.text("-inf"),
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.scratch.buf.push(b'"');
        self.rest_of_text(text);
    }

    /// A text behind its opening quotation mark.
    #[inline]
    pub(super) fn rest_of_text(&mut self, text: &str) {
        let buf = &mut self.scratch.buf;
        let start = buf.len();
        if text.len() <= self.cap && escape::push_if_clean(buf, text, b'"') {
            self.scratch.texts.push(ByteRange { start, end: start + text.len() });
        } else {
            self.rest_of_odd_text(text);
        }
    }

    /// A text that needs escapes, or that the cap may not leave whole.
    fn rest_of_odd_text(&mut self, text: &str) {
        // Twice the cap is enough to show that the text is too long, and bounds what one record can cost.
        let kept = text.floor_char_boundary(self.cap.saturating_mul(2).min(text.len()));
        let buf = &mut self.scratch.buf;
        let start = buf.len();
        escape::push(buf, text.get(..kept).unwrap_or_default());
        self.scratch.texts.push(ByteRange { start, end: buf.len() });
        buf.push(b'"');
        self.clipped |= kept < text.len();
    }

    /// A text that user code writes.
    pub(super) fn user_text(&mut self, write: impl FnOnce(&mut EscapingWriter<'_>) -> fmt::Result) {
        self.scratch.buf.push(b'"');
        self.rest_of_user_text(write);
    }

    /// As [`ValueWriter::user_text`], behind the opening quotation mark.
    pub(super) fn rest_of_user_text(&mut self, write: impl FnOnce(&mut EscapingWriter<'_>) -> fmt::Result) {
        let buf = &mut self.scratch.buf;
        let start = buf.len();
        let outcome = guarded(buf, escape::push, self.cap, write);
        self.scratch.texts.push(ByteRange { start, end: buf.len() });
        buf.push(b'"');
        self.clipped |= outcome == WriteOutcome::Clipped;
    }
}

#[inline]
pub(super) fn put_bool(out: &mut [u8; digits::ROOM], truth: bool) -> usize {
    if let Some(out) = out.first_chunk_mut() {
        *out = if truth { *b"true\0" } else { *b"false" };
    }
    5 - usize::from(truth)
}
