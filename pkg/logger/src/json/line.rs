use std::{error::Error, fmt::Write as _, time::Duration};

use super::{
    Buf, clip,
    escape::{self, Escaper},
    guard::{Wrote, guarded},
    scratch::{Scratch, Span},
};
use crate::{
    Level, Value,
    key::{self, Key, is_reserved},
    tag::Name,
};

/// One record on its way to being one line of JSON.
pub(crate) struct Line<'s> {
    scratch: &'s mut Scratch,
    cap: usize,
    /// One bit per hash of a key: no duplicate is possible while the bit is clear.
    seen: u64,
    clipped: bool,
    /// The lengths up to which the line is complete: without fields, and with the last whole one.
    head: usize,
    whole: usize,
}

impl<'s> Line<'s> {
    /// Starts a line of at most `cap` bytes, newline included.
    pub(crate) fn begin(scratch: &'s mut Scratch, cap: usize, level: Level, since_epoch: Duration) -> Self {
        let buf = &mut scratch.buf;
        buf.extend_from_slice(b"{\"ts\":\"");
        let (date, fraction) = scratch.second.render(since_epoch);
        buf.extend_from_slice(date);
        buf.extend_from_slice(&fraction);
        buf.extend_from_slice(match level {
            Level::Trace => b"\",\"level\":\"trace\",\"msg\":".as_slice(),
            Level::Debug => b"\",\"level\":\"debug\",\"msg\":",
            Level::Info => b"\",\"level\":\"info\",\"msg\":",
            Level::Warn => b"\",\"level\":\"warn\",\"msg\":",
            Level::Error => b"\",\"level\":\"error\",\"msg\":",
            Level::Fatal => b"\",\"level\":\"fatal\",\"msg\":",
        });
        Self { scratch, cap, seen: 0, clipped: false, head: 0, whole: 0 }
    }

    /// The message, straight after [`Line::begin`]. Whatever the value is, it is written as text.
    pub(crate) fn msg(&mut self, value: Value<'_>) {
        match value {
            Value::Str(text) => self.text(text),
            other => self.user_text(|out| write!(out, "{other}")),
        }
    }

    /// Fields rendered before; the caller vouches for `,"key":value` with reserved keys.
    pub(crate) fn raw(&mut self, rendered: &[u8]) {
        self.scratch.buf.extend_from_slice(rendered);
        self.head = self.scratch.buf.len();
    }

    /// The `target` of the record, a reserved key.
    pub(crate) fn target(&mut self, target: &str) {
        self.scratch.buf.extend_from_slice(b",\"target\":");
        self.text(target);
        self.head = self.scratch.buf.len();
    }

    /// A field of the caller: under a name of its own if the key is reserved, left out if the key is there already.
    pub(crate) fn field(&mut self, name: Name<'_>, value: Value<'_>) {
        let written = match name.rendered {
            Some(key) if key.is_plain() => self.plain_key(key),
            _ => self.key(name.text),
        };
        if written {
            self.value(value);
            self.whole = self.scratch.buf.len();
        }
    }

    /// Takes back a field that was begun and not finished.
    pub(crate) fn roll_back(&mut self) {
        let whole = self.whole.max(self.head);
        self.scratch.buf.truncate(whole);
        self.scratch.keys.retain(|span| span.end < whole);
        self.scratch.texts.retain(|span| span.end < whole);
    }

    /// Closes the line, clipped if it is longer than the cap.
    pub(crate) fn finish(self) {
        const MARK: &[u8] = b",\"truncated\":true";
        let Self { scratch, cap, clipped, .. } = self;
        let end = b"}\n".len();
        if clipped || scratch.buf.len() + end > cap {
            clip::clip(scratch, cap.saturating_sub(end + MARK.len()));
            scratch.buf.extend_from_slice(MARK);
        }
        scratch.buf.extend_from_slice(b"}\n");
    }

    fn plain_key(&mut self, key: &Key) -> bool {
        let field = self.scratch.buf.len();
        self.scratch.buf.extend_padded(&key.json, key.len.into());
        self.is_new(field, key.bit)
    }

    fn key(&mut self, key: &str) -> bool {
        let buf = &mut self.scratch.buf;
        let field = buf.len();
        buf.extend_from_slice(b",\"");
        escape::push(buf, key);
        if is_reserved(key.as_bytes()) {
            buf.push(b'_');
        }
        let bit = key::bit(buf.get(field + KEY_OPENS..).unwrap_or_default());
        buf.extend_from_slice(b"\":");
        self.is_new(field, bit)
    }

    /// Notes the key that `,"key":` at `field` writes; a duplicate is taken back instead.
    fn is_new(&mut self, field: usize, bit: u64) -> bool {
        let span = Span { start: field + KEY_OPENS, end: self.scratch.buf.len() - KEY_ENDS };
        if self.seen & bit != 0 && self.is_duplicate(span) {
            self.scratch.buf.truncate(field);
            return false;
        }
        self.seen |= bit;
        self.scratch.keys.push(span);
        true
    }

    fn is_duplicate(&self, new: Span) -> bool {
        let bytes = |span: &Span| self.scratch.buf.get(span.start..span.end);
        self.scratch.keys.iter().any(|old| bytes(old) == bytes(&new))
    }

    fn value(&mut self, value: Value<'_>) {
        let buf = &mut self.scratch.buf;
        match value {
            Value::Null => buf.extend_from_slice(b"null"),
            Value::Bool(true) => buf.extend_from_slice(b"true"),
            Value::Bool(false) => buf.extend_from_slice(b"false"),
            Value::I64(number) => {
                if number < 0 {
                    buf.push(b'-');
                }
                buf.push_u64(number.unsigned_abs());
            }
            Value::U64(number) => buf.push_u64(number),
            Value::I128(number) => match i64::try_from(number) {
                Ok(number) => self.value(Value::I64(number)),
                Err(_) => self.text(itoa::Buffer::new().format(number)),
            },
            Value::U128(number) => match u64::try_from(number) {
                Ok(number) => self.value(Value::U64(number)),
                Err(_) => self.text(itoa::Buffer::new().format(number)),
            },
            Value::F64(number) if number.is_finite() => {
                buf.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
            }
            Value::F64(number) => self.text(if number.is_nan() {
                "NaN"
            } else if number > 0.0 {
                "inf"
            } else {
                "-inf"
            }),
            Value::Str(text) => self.text(text),
            Value::Duration(span) => push_millis(buf, span),
            Value::Path(path) => self.user_text(|out| write!(out, "{}", path.display())),
            Value::Error(error) => self.chain(error),
            Value::Display(value) => self.user_text(|out| write!(out, "{value}")),
            Value::Debug(value) => self.user_text(|out| write!(out, "{value:?}")),
            Value::Secret => self.text(Value::REDACTED),
        }
    }

    fn text(&mut self, text: &str) {
        // Twice the cap is enough to show that the text is too long, and bounds what one record can cost.
        let kept = text.floor_char_boundary(self.cap.saturating_mul(2).min(text.len()));
        let buf = &mut self.scratch.buf;
        buf.push(b'"');
        let start = buf.len();
        escape::push(buf, text.get(..kept).unwrap_or_default());
        self.scratch.texts.push(Span { start, end: buf.len() });
        buf.push(b'"');
        self.clipped |= kept < text.len();
    }

    fn user_text(&mut self, write: impl FnOnce(&mut Escaper<'_>) -> std::fmt::Result) {
        let buf = &mut self.scratch.buf;
        buf.push(b'"');
        let start = buf.len();
        let wrote = guarded(buf, escape::push, self.cap, write);
        self.scratch.texts.push(Span { start, end: buf.len() });
        buf.push(b'"');
        self.clipped |= wrote == Wrote::Clipped;
    }

    /// The chain of an error as an array; a cause that the text before it already ends with is left out.
    fn chain(&mut self, error: &(dyn Error + 'static)) {
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
            next = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| error.source())).ok().flatten();
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

/// What stands before and behind a key: `,"` and `":`.
const KEY_OPENS: usize = 2;
const KEY_ENDS: usize = 2;

/// Milliseconds with an exact decimal fraction and no trailing zeros.
fn push_millis(buf: &mut Buf, span: Duration) {
    match u64::try_from(span.as_millis()) {
        Ok(millis) => buf.push_u64(millis),
        Err(_) => buf.extend_from_slice(itoa::Buffer::new().format(span.as_millis()).as_bytes()),
    }
    let mut rest = span.subsec_nanos() % 1_000_000;
    if rest != 0 {
        buf.push(b'.');
        let mut weight = 100_000;
        while rest > 0 {
            buf.push(b'0' + (rest / weight) as u8);
            (rest, weight) = (rest % weight, weight / 10);
        }
    }
}
