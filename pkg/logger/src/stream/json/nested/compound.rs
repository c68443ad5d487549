use std::collections::HashSet;

use serde::{Serialize, ser};

use super::writer::{Mark, NestedWriter, SerializeStopped};
use crate::{placeholders::REDACTED, stream::json::escape};

/// A list or an object that is open.
pub(crate) struct CompoundSerializer<'o, 'n, 's> {
    nest: &'o mut NestedWriter<'n, 's>,
    empty: bool,
    /// The keys of an object so far.
    keys: HashSet<Vec<u8>>,
    /// What to do with the value of the key that was written last.
    action: Option<(Mark, FieldAction)>,
    /// How many closing brackets end it.
    closes: usize,
    /// It is redacted as a whole.
    hidden: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldAction {
    Write,
    Redact,
    /// The key is there already.
    Skip,
}

impl<'o, 'n, 's> CompoundSerializer<'o, 'n, 's> {
    pub(super) fn list(nest: &'o mut NestedWriter<'n, 's>) -> Self {
        nest.open(b'[', b']');
        Self::of(nest)
    }

    pub(super) fn object(nest: &'o mut NestedWriter<'n, 's>) -> Self {
        nest.open(b'{', b'}');
        Self::of(nest)
    }

    fn of(nest: &'o mut NestedWriter<'n, 's>) -> Self {
        Self { nest, empty: true, keys: HashSet::new(), action: None, closes: 1, hidden: false }
    }

    /// The only value of this object, under the name of the variant.
    pub(super) fn into_variant(
        mut self,
        variant: &'static str,
        open: fn(&'o mut NestedWriter<'n, 's>) -> Self,
    ) -> Result<Self, SerializeStopped> {
        self.key(variant)?;
        if self.action.take().is_some_and(|(_, action)| action == FieldAction::Redact) {
            self.nest.text(REDACTED);
            self.hidden = true;
            return Ok(self);
        }
        let mut inner = open(self.nest);
        inner.closes = 2;
        Ok(inner)
    }

    pub(super) fn finish(self) {
        if let Some((mark, _)) = self.action {
            self.nest.roll_back(mark);
        }
        (0..self.closes).for_each(|_| self.nest.close());
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeStopped> {
        if self.hidden {
            return Ok(());
        }
        let mark = self.nest.mark();
        self.comma();
        self.nest.element(mark, value)?;
        self.empty = false;
        Ok(())
    }

    pub(super) fn field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), SerializeStopped> {
        self.key(key)?;
        self.value(value)
    }

    /// Writes a comma and a key, whatever type it has.
    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SerializeStopped> {
        if self.hidden {
            return Ok(());
        }
        if let Some((mark, _)) = self.action.take() {
            // A key without a value.
            self.nest.roll_back(mark);
        }
        let mark = self.nest.mark();
        self.comma();
        let start = self.nest.line.scratch.buf.len();
        let written = self.nest.value(key);
        if written.is_err() || self.nest.full {
            self.nest.roll_back(mark);
            return Err(SerializeStopped);
        }
        let name = self.name(start, mark);
        let action =
            if self.keys.contains(name.as_bytes()) { FieldAction::Skip } else { self.action_for(&name) };
        self.keys.insert(name.into_bytes());
        self.action = Some((mark, action));
        Ok(())
    }

    /// Makes a text of the key that starts there; returns it as it is written.
    fn name(&mut self, start: usize, mark: Mark) -> String {
        // A key is not clipped, for it might then be another's.
        self.nest.line.scratch.texts.truncate(mark.texts);
        self.nest.long = mark.long;
        let buf = &mut self.nest.line.scratch.buf;
        let written = String::from_utf8_lossy(buf.get(start..).unwrap_or_default()).into_owned();
        let name = match written.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
            Some(name) => name.to_owned(),
            None => {
                buf.truncate(start);
                buf.push(b'"');
                escape::push(buf, &written);
                let name = String::from_utf8_lossy(buf.get(start + 1..).unwrap_or_default()).into_owned();
                buf.push(b'"');
                name
            }
        };
        buf.push(b':');
        name
    }

    fn action_for(&mut self, name: &str) -> FieldAction {
        let path = &mut self.nest.path;
        path.push('.');
        path.push_str(name);
        if self.nest.line.redact.covers(path) { FieldAction::Redact } else { FieldAction::Write }
    }

    /// The value of the key before it.
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeStopped> {
        if self.hidden {
            return Ok(());
        }
        match self.action.take() {
            None => return Err(SerializeStopped),
            Some((mark, FieldAction::Skip)) => {
                self.nest.roll_back(mark);
                return Ok(());
            }
            Some((mark, FieldAction::Redact)) => self.nest.element(mark, REDACTED)?,
            Some((mark, FieldAction::Write)) => self.nest.element(mark, value)?,
        }
        self.empty = false;
        Ok(())
    }

    fn comma(&mut self) {
        if !self.empty {
            self.nest.line.scratch.buf.push(b',');
        }
    }
}

macro_rules! lists {
    ($($name:ident: $method:ident;)+) => {$(
        impl ser::$name for CompoundSerializer<'_, '_, '_> {
            type Ok = ();
            type Error = SerializeStopped;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeStopped> {
                self.item(value)
            }

            fn end(self) -> Result<(), SerializeStopped> {
                self.finish();
                Ok(())
            }
        }
    )+};
}

lists! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

macro_rules! structs {
    ($($name:ident),+) => {$(
        impl ser::$name for CompoundSerializer<'_, '_, '_> {
            type Ok = ();
            type Error = SerializeStopped;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), SerializeStopped> {
                self.field(key, value)
            }

            fn end(self) -> Result<(), SerializeStopped> {
                self.finish();
                Ok(())
            }
        }
    )+};
}

structs!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for CompoundSerializer<'_, '_, '_> {
    type Ok = ();
    type Error = SerializeStopped;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SerializeStopped> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeStopped> {
        self.value(value)
    }

    fn end(self) -> Result<(), SerializeStopped> {
        self.finish();
        Ok(())
    }
}
