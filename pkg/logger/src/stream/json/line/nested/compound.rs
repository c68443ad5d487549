use std::collections::HashSet;

use serde::{Serialize, ser};

use super::{Mark, Nest, Stop};
use crate::{Value, stream::json::escape};

/// A list or an object that is open.
pub(crate) struct Compound<'o, 'n, 's> {
    nest: &'o mut Nest<'n, 's>,
    empty: bool,
    /// The keys of an object so far.
    keys: HashSet<Vec<u8>>,
    /// What a key that waits for its value is about to get.
    fate: Option<(Mark, Fate)>,
    /// How many closing brackets end it.
    closes: usize,
    /// It is redacted as a whole.
    hidden: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Write,
    Redact,
    /// The key is there already.
    Skip,
}

impl<'o, 'n, 's> Compound<'o, 'n, 's> {
    pub(super) fn list(nest: &'o mut Nest<'n, 's>) -> Self {
        nest.open(b'[', b']');
        Self::of(nest)
    }

    pub(super) fn object(nest: &'o mut Nest<'n, 's>) -> Self {
        nest.open(b'{', b'}');
        Self::of(nest)
    }

    fn of(nest: &'o mut Nest<'n, 's>) -> Self {
        Self { nest, empty: true, keys: HashSet::new(), fate: None, closes: 1, hidden: false }
    }

    /// The only value of this object, under the name of the variant.
    pub(super) fn into_variant(
        mut self,
        variant: &'static str,
        open: fn(&'o mut Nest<'n, 's>) -> Self,
    ) -> Result<Self, Stop> {
        self.key(variant)?;
        if self.fate.take().is_some_and(|(_, fate)| fate == Fate::Redact) {
            self.nest.text(Value::REDACTED);
            self.hidden = true;
            return Ok(self);
        }
        let mut inner = open(self.nest);
        inner.closes = 2;
        Ok(inner)
    }

    pub(super) fn finish(self) {
        if let Some((mark, _)) = self.fate {
            self.nest.roll_back(mark);
        }
        (0..self.closes).for_each(|_| self.nest.close());
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        if self.hidden {
            return Ok(());
        }
        let mark = self.nest.mark();
        self.comma();
        self.nest.element(mark, value)?;
        self.empty = false;
        Ok(())
    }

    pub(super) fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Stop> {
        self.key(key)?;
        self.value(value)
    }

    /// Writes a comma and a key, whatever type it has.
    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        if self.hidden {
            return Ok(());
        }
        if let Some((mark, _)) = self.fate.take() {
            // A key without a value.
            self.nest.roll_back(mark);
        }
        let mark = self.nest.mark();
        self.comma();
        let start = self.nest.line.scratch.buf.len();
        let written = self.nest.value(key);
        if written.is_err() || self.nest.full {
            self.nest.roll_back(mark);
            return Err(Stop);
        }
        let name = self.name(start, mark);
        let fate = if self.keys.contains(name.as_bytes()) { Fate::Skip } else { self.fate_of(&name) };
        self.keys.insert(name.into_bytes());
        self.fate = Some((mark, fate));
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

    fn fate_of(&mut self, name: &str) -> Fate {
        let path = &mut self.nest.path;
        path.push('.');
        path.push_str(name);
        if self.nest.line.redact.covers(path) { Fate::Redact } else { Fate::Write }
    }

    /// The value of the key before it.
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        if self.hidden {
            return Ok(());
        }
        match self.fate.take() {
            None => return Err(Stop),
            Some((mark, Fate::Skip)) => {
                self.nest.roll_back(mark);
                return Ok(());
            }
            Some((mark, Fate::Redact)) => self.nest.element(mark, Value::REDACTED)?,
            Some((mark, Fate::Write)) => self.nest.element(mark, value)?,
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
        impl ser::$name for Compound<'_, '_, '_> {
            type Ok = ();
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
                self.item(value)
            }

            fn end(self) -> Result<(), Stop> {
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
        impl ser::$name for Compound<'_, '_, '_> {
            type Ok = ();
            type Error = Stop;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Stop> {
                self.field(key, value)
            }

            fn end(self) -> Result<(), Stop> {
                self.finish();
                Ok(())
            }
        }
    )+};
}

structs!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Compound<'_, '_, '_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        self.value(value)
    }

    fn end(self) -> Result<(), Stop> {
        self.finish();
        Ok(())
    }
}
