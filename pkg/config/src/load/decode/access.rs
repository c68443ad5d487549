//! The children of a list, a table or a struct, one by one.

use std::any::type_name;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess};

use super::de::{De, Source, spelled};
use super::error::DecodeError;
use super::placeholder::Placeholder;
use crate::load::path::Path;
use crate::{Table, Value};

/// The items of a list.
pub(super) struct Items<'a> {
    parent: De<'a>,
    items: Vec<Source<'a>>,
    next: usize,
}

impl<'a> Items<'a> {
    pub(super) fn of(parent: De<'a>, items: &'a [Value]) -> Self {
        Self { parent, items: items.iter().map(Source::Value).collect(), next: 0 }
    }

    pub(super) fn new(parent: De<'a>, items: Vec<&'a Value>) -> Self {
        Self { parent, items: items.into_iter().map(Source::Value).collect(), next: 0 }
    }

    pub(super) fn placeholders(parent: De<'a>, length: usize) -> Self {
        Self { parent, items: vec![parent.source; length], next: 0 }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = DecodeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        let Some(source) = self.items.get(self.next).copied() else {
            return Ok(None);
        };
        let path = Path::Index(self.parent.path, self.next);
        self.next += 1;
        De::child(self.parent.pass, path, source, seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len().saturating_sub(self.next))
    }
}

/// The entries of a table or the fields of a struct.
pub(super) struct Entries<'a> {
    parent: De<'a>,
    entries: std::vec::IntoIter<(&'a str, &'a str, Source<'a>)>, // the name for the visitor, the key in the tree, the value
    current: Option<(&'a str, Source<'a>)>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(parent: De<'a>, table: &'a Table) -> Self {
        let entries = table.iter().map(|(key, value)| (key.as_str(), key.as_str(), Source::Value(value)));
        Self::sparing(parent, entries.collect())
    }

    /// The fields that the struct knows. The others are noted as unknown and never shown to the visitor, so that one
    /// unknown key does not hide the next problem.
    pub(super) fn of_struct(parent: De<'a>, table: &'a Table, fields: &'static [&'static str]) -> Self {
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            let child = Path::Key(parent.path, key);
            let exact = fields.iter().find(|field| *field == key).copied();
            match exact.or_else(|| value.holds_text().then(|| spelled(key, fields)).flatten()) {
                Some(field) => entries.push((field, key.as_str(), Source::Value(value))),
                None => parent.pass.note_unknown(child, fields),
            }
        }
        for field in parent.pass.required_at(*parent.path) {
            entries.push((field, field, Source::Value(&Value::Null)));
        }
        Self::sparing(parent, entries)
    }

    pub(super) fn placeholders(
        parent: De<'a>,
        fields: &'static [&'static str],
        placeholder: Placeholder,
    ) -> Self {
        let entries = fields.iter().map(|field| (*field, *field, Source::Placeholder(placeholder)));
        Self { parent, entries: entries.collect::<Vec<_>>().into_iter(), current: None }
    }

    /// Without the entries that this pass leaves out.
    fn sparing(parent: De<'a>, mut entries: Vec<(&'a str, &'a str, Source<'a>)>) -> Self {
        if !parent.pass.is_first() {
            entries.retain(|(_, key, _)| !parent.pass.leaves_out(Path::Key(parent.path, key)));
        }
        Self { parent, entries: entries.into_iter(), current: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = DecodeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        let Some((name, key, source)) = self.entries.next() else {
            return Ok(None);
        };
        self.current = Some((key, source));
        let path = Path::Key(self.parent.path, key);
        let name = Value::Text(name.to_owned());
        let de = De { pass: self.parent.pass, path: &path, source: Source::Value(&name) };
        seed.deserialize(de).map(Some).map_err(|error| error.at(path, type_name::<S::Value>()))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DecodeError> {
        let Some((key, source)) = self.current.take() else {
            return Err(DecodeError::shape("was read without its key"));
        };
        De::child(self.parent.pass, Path::Key(self.parent.path, key), source, seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}
