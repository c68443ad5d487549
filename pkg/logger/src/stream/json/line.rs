mod chain;
#[cfg(feature = "nested-values")]
pub(super) mod nested;
mod text;

use std::{fmt::Write as _, time::Duration};

use super::{
    Second, clip, digits, escape,
    scratch::{Scratch, Span},
};
use crate::{
    Level, Redaction, Value,
    key::{self, Key, is_reserved},
    tag::Name,
};

/// One record on its way to being one line of JSON.
pub(crate) struct Line<'s> {
    scratch: &'s mut Scratch,
    redact: &'s Redaction,
    cap: usize,
    /// One bit per hash of a key: no duplicate is possible while the bit is clear.
    seen: u64,
    clipped: bool,
    /// The lengths up to which the line is complete: without fields, and with the last whole one.
    head: usize,
    whole: usize,
}

impl<'s> Line<'s> {
    /// Starts a line of at most `cap` bytes, newline included, up to the quotation mark of the message.
    #[inline]
    pub(crate) fn begin(
        scratch: &'s mut Scratch,
        redact: &'s Redaction,
        cap: usize,
        level: Level,
        since_epoch: Duration,
    ) -> Self {
        const PIECE: usize = 32;
        const fn piece(text: &[u8]) -> ([u8; PIECE], usize) {
            let mut piece = [0; PIECE];
            if let Some((place, _)) = piece.split_at_mut_checked(text.len()) {
                place.copy_from_slice(text);
            }
            (piece, text.len())
        }
        const LEVELS: [([u8; PIECE], usize); 6] = [
            piece(b"\",\"level\":\"trace\",\"msg\":\""),
            piece(b"\",\"level\":\"debug\",\"msg\":\""),
            piece(b"\",\"level\":\"info\",\"msg\":\""),
            piece(b"\",\"level\":\"warn\",\"msg\":\""),
            piece(b"\",\"level\":\"error\",\"msg\":\""),
            piece(b"\",\"level\":\"fatal\",\"msg\":\""),
        ];
        let [trace, debug, info, warn, error, fatal] = &LEVELS;
        let (piece, len) = match level {
            Level::Trace => trace,
            Level::Debug => debug,
            Level::Info => info,
            Level::Warn => warn,
            Level::Error => error,
            Level::Fatal => fatal,
        };
        let (opening, fraction) = scratch.second.open(since_epoch);
        scratch.buf.extend_padded(opening, Second::OPENING);
        scratch.buf.fill(|place| {
            *place = fraction;
            fraction.len()
        });
        scratch.buf.extend_padded(piece, *len);
        Self::bare(scratch, redact, cap)
    }

    /// Goes on with what is in the scratch.
    fn bare(scratch: &'s mut Scratch, redact: &'s Redaction, cap: usize) -> Self {
        Self { scratch, redact, cap, seen: 0, clipped: false, head: 0, whole: 0 }
    }

    /// The message, straight after [`Line::begin`]. Whatever the value is, it is written as text.
    pub(crate) fn msg(&mut self, value: Value<'_>) {
        match value {
            Value::Str(text) => self.rest_of_text(text),
            other => self.rest_of_user_text(|out| write!(out, "{other}")),
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

    /// A field of the caller, unless its value is kept out of the log.
    #[inline]
    pub(crate) fn tag(&mut self, name: Name<'_>, value: Value<'_>) {
        self.field(name, if self.redact.covers(name.text) { Value::Secret } else { value });
    }

    /// A field under a name of its own if the key is reserved, left out if the key is there already.
    #[inline]
    pub(crate) fn field(&mut self, name: Name<'_>, value: Value<'_>) {
        match name.rendered {
            Some(key) if key.is_plain() => self.plain_field(key, value),
            _ => self.any_field(name.text, value),
        }
        self.whole = self.scratch.buf.len();
    }

    #[inline]
    fn plain_field(&mut self, key: &Key, value: Value<'_>) {
        let (field, len) = (self.scratch.buf.len(), usize::from(key.len));
        if self.seen & key.bit != 0 {
            self.any_field(key.name(), value);
            return;
        }
        self.note_key(field, field + len, key.bit);
        match value {
            Value::Str(text) => {
                // The key comes with a text's quotation mark.
                self.scratch.buf.extend_padded(&key.json, len + 1);
                self.rest_of_text(text);
            }
            Value::Bool(truth) => self.put(key, |place| put_bool(place, truth)),
            Value::I64(number) => self.put(key, |place| digits::put_i64(place, number)),
            Value::U64(number) => self.put(key, |place| digits::put_u64(place, number)),
            Value::F64(number) if number.is_finite() => self.put(key, |place| digits::put_f64(place, number)),
            Value::Duration(span) => self.put(key, |place| digits::put_millis(place, span)),
            other => {
                self.scratch.buf.extend_padded(&key.json, len);
                self.value_of(key.name(), other);
            }
        }
    }

    /// A key and a value of limited length, in one go.
    #[inline(always)]
    fn put(&mut self, key: &Key, put: impl FnOnce(&mut [u8; digits::ROOM]) -> usize) {
        self.scratch.buf.fill(|place: &mut [u8; 32 + digits::ROOM]| {
            if let Some(start) = place.first_chunk_mut() {
                *start = key.json;
            }
            let colon = usize::from(key.len) & 31;
            match place.get_mut(colon..).and_then(<[u8]>::first_chunk_mut) {
                Some(place) => colon + put(place),
                None => 0,
            }
        });
    }

    fn any_field(&mut self, key: &str, value: Value<'_>) {
        let buf = &mut self.scratch.buf;
        let field = buf.len();
        buf.extend_from_slice(b",\"");
        escape::push(buf, key);
        if is_reserved(key.as_bytes()) {
            buf.push(b'_');
        }
        let bit = key::bit(buf.get(field + KEY_OPENS..).unwrap_or_default());
        buf.extend_from_slice(b"\":");
        let colon = buf.len();
        if self.is_new(field, colon, bit) {
            self.value_of(key, value);
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
        let Self { scratch, cap, clipped, head, .. } = self;
        if clipped || scratch.buf.len() + END.len() > cap {
            clip::clip(scratch, head, cap.saturating_sub(END.len() + MARK.len()));
            scratch.buf.extend_from_slice(MARK);
        }
        scratch.buf.fill(|place| {
            *place = *END;
            place.len()
        });
    }

    /// Notes the key that `,"key":` from `field` to `colon` writes; a duplicate is taken back instead.
    fn is_new(&mut self, field: usize, colon: usize, bit: u64) -> bool {
        if self.seen & bit != 0 && self.is_duplicate(Span { start: field + KEY_OPENS, end: colon - KEY_ENDS })
        {
            self.scratch.buf.truncate(field);
            return false;
        }
        self.note_key(field, colon, bit);
        true
    }

    #[inline]
    fn note_key(&mut self, field: usize, colon: usize, bit: u64) {
        self.seen |= bit;
        self.scratch.keys.push(Span { start: field + KEY_OPENS, end: colon - KEY_ENDS });
    }

    #[cold]
    fn is_duplicate(&self, new: Span) -> bool {
        let bytes = |span: &Span| self.scratch.buf.get(span.start..span.end);
        self.scratch.keys.iter().any(|old| bytes(old) == bytes(&new))
    }

    /// The value of the field `key`.
    #[inline]
    #[cfg_attr(not(feature = "nested-values"), allow(unused_variables, reason = "for nested keys"))]
    fn value_of(&mut self, key: &str, value: Value<'_>) {
        match value {
            #[cfg(feature = "nested-values")]
            Value::Nested(nested) => self.nested(key, nested),
            other => self.value(other),
        }
    }

    fn value(&mut self, value: Value<'_>) {
        let buf = &mut self.scratch.buf;
        match value {
            Value::Null => buf.extend_from_slice(b"null"),
            Value::Bool(truth) => buf.fill(|place| put_bool(place, truth)),
            Value::I64(number) => buf.fill(|place| digits::put_i64(place, number)),
            Value::U64(number) => buf.fill(|place| digits::put_u64(place, number)),
            Value::F64(number) if number.is_finite() => buf.fill(|place| digits::put_f64(place, number)),
            Value::Duration(span) => buf.fill(|place| digits::put_millis(place, span)),
            Value::Str(text) => self.text(text),
            Value::I128(number) => match i64::try_from(number) {
                Ok(number) => self.value(Value::I64(number)),
                Err(_) => self.text(itoa::Buffer::new().format(number)),
            },
            Value::U128(number) => match u64::try_from(number) {
                Ok(number) => self.value(Value::U64(number)),
                Err(_) => self.text(itoa::Buffer::new().format(number)),
            },
            Value::F64(number) => self.text(if number.is_nan() {
                "NaN"
            } else if number > 0.0 {
                "inf"
            } else {
                "-inf"
            }),
            Value::Path(path) => self.user_text(|out| write!(out, "{}", path.display())),
            Value::Error(error) => self.chain(error),
            Value::Display(value) => self.user_text(|out| write!(out, "{value}")),
            Value::Debug(value) => self.user_text(|out| write!(out, "{value:?}")),
            Value::Secret => self.text(Value::REDACTED),
            #[cfg(feature = "nested-values")]
            Value::Nested(nested) => self.nested("", nested),
        }
    }
}

#[inline]
fn put_bool(place: &mut [u8; digits::ROOM], truth: bool) -> usize {
    if let Some(place) = place.first_chunk_mut() {
        *place = if truth { *b"true\0" } else { *b"false" };
    }
    5 - usize::from(truth)
}

/// What tells that something is left out, and what ends the line.
const MARK: &[u8] = b",\"truncated\":true";
const END: &[u8; 2] = b"}\n";

/// What stands before and behind a key: `,"` and `":`.
const KEY_OPENS: usize = 2;
const KEY_ENDS: usize = 2;
