use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

use super::{
    serializer::ValueSerializer,
    writer::{Mark, NestedWriter, SerializeStopped},
};
use crate::{
    Redaction,
    placeholders::{SERIALIZE_FAILED, SERIALIZE_PANICKED, TOO_DEEP, TOO_LARGE},
    stream::json::{
        guard, limits,
        scratch::Scratch,
        value_writer::{END, MARK, ValueWriter},
    },
};

impl ValueWriter<'_> {
    /// The value of the field `key`, from user code that serializes it.
    pub(in crate::stream::json) fn nested(
        &mut self,
        key: &str,
        encode: impl FnOnce(ValueSerializer<'_, '_, '_>) -> Result<(), SerializeStopped>,
    ) {
        let room = self.cap.saturating_sub(self.scratch.buf.len() + MARK.len() + END.len());
        let most = self.cap.saturating_mul(2);
        self.nested_within(key, encode, room, most);
    }

    fn nested_within(
        &mut self,
        key: &str,
        encode: impl FnOnce(ValueSerializer<'_, '_, '_>) -> Result<(), SerializeStopped>,
        room: usize,
        most: usize,
    ) {
        let (start, texts) = (self.scratch.buf.len(), self.scratch.texts.len());
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut nested = NestedWriter::new(&mut *self, key, room, most);
            let whole = encode(ValueSerializer(&mut nested)).is_ok();
            nested.full |= nested.is_over();
            if nested.full {
                nested.close_down_to(0);
                nested.line.clipped = true;
            }
            // Where the room ended, what is whole stays, if there is anything.
            let fits = nested.used() > 0 && !nested.is_over();
            match (whole || nested.full, fits) {
                (true, true) => Ok(()),
                (true, false) => Err(TOO_LARGE),
                (false, _) => Err(SERIALIZE_FAILED),
            }
        }));
        let note = match outcome {
            Ok(Ok(())) => return,
            Ok(Err(note)) => note,
            Err(payload) => {
                guard::discard(payload);
                SERIALIZE_PANICKED
            }
        };
        self.scratch.buf.truncate(start);
        self.scratch.texts.truncate(texts);
        self.text(note);
    }
}

impl NestedWriter<'_, '_> {
    /// Writes one element whose beginning (a comma, a key) is there since `mark`: whole, up to where the room ends, or not
    /// at all.
    pub(super) fn element<T: Serialize + ?Sized>(
        &mut self,
        mark: Mark,
        value: &T,
    ) -> Result<(), SerializeStopped> {
        self.full |= self.is_over();
        if self.full {
            self.roll_back(mark);
            return Err(SerializeStopped);
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
        if kept && !self.full { Ok(()) } else { Err(SerializeStopped) }
    }

    /// A value without its surroundings.
    pub(super) fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeStopped> {
        if self.depth == limits::DEPTH {
            self.line.clipped = true;
            self.text(TOO_DEEP);
            return Ok(());
        }
        self.depth += 1;
        let written = value.serialize(ValueSerializer(&mut *self));
        self.depth -= 1;
        written
    }
}

/// The JSON of the value of the field `key` alone, of about `most` bytes at most.
pub(crate) fn rendered(
    key: &str,
    encode: impl FnOnce(ValueSerializer<'_, '_, '_>) -> Result<(), SerializeStopped>,
    redact: &Redaction,
    most: usize,
) -> String {
    let mut scratch = Scratch::new();
    ValueWriter::new(&mut scratch, redact, most).nested_within(key, encode, most, most);
    String::from_utf8_lossy(&scratch.buf).into_owned()
}
