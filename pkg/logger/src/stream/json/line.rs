use std::{fmt::Write as _, time::Duration};

use super::{
    clip, context_fields, digits, escape, limits,
    scratch::{ByteRange, Scratch},
    timestamp::TimestampCache,
    value_writer::{END, MARK, ValueWriter, put_bool},
};
use crate::{
    Context, Level, Redaction, Value,
    key::{self, Key, is_reserved},
    tag::FieldKey,
};

/// Encodes one record as one line of JSON.
pub(crate) struct LineEncoder<'s> {
    out: ValueWriter<'s>,
    /// One bit per hash of a key: no duplicate is possible while the bit is clear.
    seen: u64,
    /// The keys of [`LineEncoder::own`].
    own: OwnKeys,
    /// The length from which on the line takes no more fields.
    far: usize,
    /// The lengths up to which the line is complete: without fields, and with the last whole one.
    head: usize,
    whole: usize,
}

impl<'s> LineEncoder<'s> {
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
            if let Some((out, _)) = piece.split_at_mut_checked(text.len()) {
                out.copy_from_slice(text);
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
        scratch.buf.extend_padded(opening, TimestampCache::OPENING);
        scratch.buf.fill(|out| {
            *out = fraction;
            fraction.len()
        });
        scratch.buf.extend_padded(piece, *len);
        Self {
            out: ValueWriter::new(scratch, redact, cap),
            seen: 0,
            own: OwnKeys([""; 3]),
            far: usize::MAX,
            head: 0,
            whole: 0,
        }
    }

    /// The message, straight after [`LineEncoder::begin`]. Whatever the value is, it is written as text.
    pub(crate) fn msg(&mut self, value: Value<'_>) {
        match value {
            Value::Str(text) => self.out.rest_of_text(text),
            other => self.out.rest_of_user_text(|out| write!(out, "{other}")),
        }
    }

    /// Fields rendered before; the caller vouches for `,"key":value` with reserved keys.
    pub(crate) fn raw(&mut self, rendered: &[u8]) {
        self.out.scratch.buf.extend_from_slice(rendered);
        self.head_ends();
    }

    /// The fields of the context.
    pub(crate) fn context(&mut self, ctx: &Context) {
        context_fields::append(ctx, &mut self.out.scratch.buf);
        self.head_ends();
    }

    /// The `target` of the record, a reserved key.
    pub(crate) fn target(&mut self, target: &str) {
        self.out.scratch.buf.extend_from_slice(b",\"target\":");
        self.out.text(target);
        self.head_ends();
    }

    fn head_ends(&mut self) {
        self.head = self.out.scratch.buf.len();
        self.far = self.head.saturating_add(self.out.cap.saturating_mul(limits::OVER));
    }

    /// A field of the caller, unless its value is kept out of the log.
    #[inline]
    pub(crate) fn tag(&mut self, name: FieldKey<'_>, value: Value<'_>) {
        self.field(name, if self.out.redact.covers(name.text) { Value::Secret } else { value });
    }

    /// A field; a reserved key gets an underscore behind it, and a duplicate is left out.
    #[inline]
    pub(crate) fn field(&mut self, name: FieldKey<'_>, value: Value<'_>) {
        // More fields only cost time, and their keys more than linear time.
        if self.out.scratch.keys.len() >= limits::FIELDS || self.is_far_over() {
            self.out.clipped = true;
            return;
        }
        match name.rendered {
            Some(key) if key.is_plain() => self.plain_field(key, value),
            _ => self.any_field(name.text, value),
        }
        self.whole = self.out.scratch.buf.len();
    }

    #[inline]
    fn plain_field(&mut self, key: &Key, value: Value<'_>) {
        let (field, len) = (self.out.scratch.buf.len(), usize::from(key.len));
        if self.seen & key.bit != 0 {
            self.any_field(key.name(), value);
            return;
        }
        self.note_key(field, field + len, key.bit);
        match value {
            Value::Str(text) => {
                // The key comes with a text's quotation mark.
                self.out.scratch.buf.extend_padded(&key.json, len + 1);
                self.out.rest_of_text(text);
            }
            Value::Bool(truth) => self.put(key, |out| put_bool(out, truth)),
            Value::I64(number) => self.put(key, |out| digits::put_i64(out, number)),
            Value::U64(number) => self.put(key, |out| digits::put_u64(out, number)),
            Value::F64(number) if number.is_finite() => self.put(key, |out| digits::put_f64(out, number)),
            Value::Duration(span) => self.put(key, |out| digits::put_millis(out, span)),
            other => {
                self.out.scratch.buf.extend_padded(&key.json, len);
                self.out.value(key.name(), other);
            }
        }
    }

    /// A key and a value of limited length, in one go.
    #[inline(always)]
    fn put(&mut self, key: &Key, put: impl FnOnce(&mut [u8; digits::ROOM]) -> usize) {
        self.out.scratch.buf.fill(|out: &mut [u8; 32 + digits::ROOM]| {
            if let Some(start) = out.first_chunk_mut() {
                *start = key.json;
            }
            let colon = usize::from(key.len) & 31;
            match out.get_mut(colon..).and_then(<[u8]>::first_chunk_mut) {
                Some(out) => colon + put(out),
                None => 0,
            }
        });
    }

    /// A field that the logger writes itself: a tag of this key gets an underscore behind it.
    pub(crate) fn own(&mut self, key: &'static str, value: Value<'_>) {
        self.field(key.into(), value);
        self.own.push(key);
    }

    /// Whether the fields are so much longer than the line may be that what follows would cost more than it can tell. A few
    /// long texts are not enough for that: their ends are clipped.
    #[inline]
    fn is_far_over(&self) -> bool {
        self.out.scratch.buf.len() > self.far
    }

    /// Whether the logger wrote a field of this key itself.
    pub(crate) fn owns(&self, key: &str) -> bool {
        self.own.contains(key)
    }

    fn any_field(&mut self, key: &str, value: Value<'_>) {
        let taken = is_reserved(key.as_bytes()) || self.owns(key);
        let kept = key.get(..key.floor_char_boundary(limits::KEY)).unwrap_or_default();
        self.out.clipped |= kept.len() < key.len();
        let buf = &mut self.out.scratch.buf;
        let field = buf.len();
        buf.extend_from_slice(b",\"");
        escape::push(buf, kept);
        if taken {
            buf.push(b'_');
        }
        let bit = key::bit(buf.get(field + KEY_OPENS..).unwrap_or_default());
        buf.extend_from_slice(b"\":");
        let colon = buf.len();
        if self.is_new(field, colon, bit) {
            self.out.value(key, value);
        }
    }

    /// Takes back a field that was begun and not finished.
    pub(crate) fn roll_back(&mut self) {
        let whole = self.whole.max(self.head);
        self.out.scratch.buf.truncate(whole);
        self.out.scratch.keys.retain(|span| span.end < whole);
        self.out.scratch.texts.retain(|span| span.end < whole);
    }

    /// Closes the line, clipped if it is longer than the cap.
    pub(crate) fn finish(self) {
        let Self { out: ValueWriter { scratch, cap, clipped, .. }, head, .. } = self;
        if clipped || scratch.buf.len() + END.len() > cap {
            clip::clip(scratch, head, cap.saturating_sub(END.len() + MARK.len()));
            scratch.buf.extend_from_slice(MARK);
        }
        scratch.buf.fill(|out| {
            *out = *END;
            out.len()
        });
    }

    /// Notes the key that `,"key":` from `field` to `colon` writes; a duplicate is taken back instead.
    fn is_new(&mut self, field: usize, colon: usize, bit: u64) -> bool {
        if self.seen & bit != 0
            && self.is_duplicate(ByteRange { start: field + KEY_OPENS, end: colon - KEY_ENDS })
        {
            self.out.scratch.buf.truncate(field);
            return false;
        }
        self.note_key(field, colon, bit);
        true
    }

    #[inline]
    fn note_key(&mut self, field: usize, colon: usize, bit: u64) {
        self.seen |= bit;
        self.out.scratch.keys.push(ByteRange { start: field + KEY_OPENS, end: colon - KEY_ENDS });
    }

    #[cold]
    fn is_duplicate(&self, new: ByteRange) -> bool {
        let bytes = |span: &ByteRange| self.out.scratch.buf.get(span.start..span.end);
        self.out.scratch.keys.iter().any(|old| bytes(old) == bytes(&new))
    }
}

/// The keys that the logger wrote itself in one record, besides those that it always writes.
struct OwnKeys([&'static str; 3]);

impl OwnKeys {
    fn push(&mut self, key: &'static str) {
        if let Some(free) = self.0.iter_mut().find(|known| known.is_empty()) {
            *free = key;
        }
    }

    fn contains(&self, key: &str) -> bool {
        !key.is_empty() && self.0.contains(&key)
    }
}

/// What stands before and behind a key: `,"` and `":`.
const KEY_OPENS: usize = 2;
const KEY_ENDS: usize = 2;
