use std::fmt;

use super::{Line, Span};
use crate::stream::json::{
    escape::{self, Escaper},
    guard::{Wrote, guarded},
};

impl Line<'_> {
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
            self.scratch.texts.push(Span { start, end: start + text.len() });
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
        self.scratch.texts.push(Span { start, end: buf.len() });
        buf.push(b'"');
        self.clipped |= kept < text.len();
    }

    pub(super) fn user_text(&mut self, write: impl FnOnce(&mut Escaper<'_>) -> fmt::Result) {
        self.scratch.buf.push(b'"');
        self.rest_of_user_text(write);
    }

    pub(super) fn rest_of_user_text(&mut self, write: impl FnOnce(&mut Escaper<'_>) -> fmt::Result) {
        let buf = &mut self.scratch.buf;
        let start = buf.len();
        let wrote = guarded(buf, escape::push, self.cap, write);
        self.scratch.texts.push(Span { start, end: buf.len() });
        buf.push(b'"');
        self.clipped |= wrote == Wrote::Clipped;
    }
}
