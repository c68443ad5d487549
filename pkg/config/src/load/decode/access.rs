//! The children of a list, a table or a struct, one by one.

use std::any::type_name;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess};

use super::de::De;
use super::error::DecodeError;
use super::input::Input;
use super::placeholder::Placeholder;
use super::text::{self, spelled};
use crate::load::path::KeyPath;
use crate::{Table, Value};

/// The items of a list.
pub(super) struct Items<'a> {
    parent: De<'a>,
    items: Vec<Input<'a>>,
    next: usize,
}

impl<'a> Items<'a> {
    pub(super) fn of(parent: De<'a>, items: &'a [Value]) -> Self {
        Self { parent, items: items.iter().map(Input::Value).collect(), next: 0 }
    }

    /// The items of a list that came as indexes.
    pub(super) fn of_table(parent: De<'a>, table: &'a Table) -> Result<Self, DecodeError> {
        match text::indexed(table) {
            Some(items) => Ok(Self { parent, items: items.into_iter().map(Input::Value).collect(), next: 0 }),
            None if table.keys().all(|key| key.parse::<usize>().is_ok()) => {
                Err(DecodeError::shape("has a gap: the indexes of a list count from 0 without one"))
            }
            None => Err(De::mismatch(&Value::Table(Table::new()), "a sequence")),
        }
    }

    pub(super) fn placeholders(parent: De<'a>, length: usize) -> Self {
        Self { parent, items: vec![parent.input; length], next: 0 }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = DecodeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        let Some(input) = self.items.get(self.next).copied() else {
            return Ok(None);
        };
        let path = KeyPath::Index(self.parent.path, self.next);
        self.next += 1;
        De::child(self.parent.pass, path, input, seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len().saturating_sub(self.next))
    }
}

/// The entries of a table or the fields of a struct.
pub(super) struct Entries<'a> {
    parent: De<'a>,
    entries: std::vec::IntoIter<(&'a str, &'a str, Input<'a>)>, // the name for the visitor, the key in the tree, the value
    current: Option<(&'a str, Input<'a>)>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(parent: De<'a>, table: &'a Table) -> Self {
        let entries = table.iter().map(|(key, value)| (key.as_str(), key.as_str(), Input::Value(value)));
        Self::sparing(parent, entries.collect())
    }

    /// The fields that the struct knows. The others are noted as unknown and never shown to the visitor, so that one
    /// unknown key does not hide the next problem.
    pub(super) fn of_struct(parent: De<'a>, table: &'a Table, fields: &'static [&'static str]) -> Self {
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            let child = KeyPath::Key(parent.path, key);
            let exact = fields.iter().find(|field| *field == key).copied();
            match exact.or_else(|| value.holds_text().then(|| spelled(key, fields)).flatten()) {
                Some(field) => entries.push((field, key.as_str(), Input::Value(value))),
                None => parent.pass.note_unknown(child, fields),
            }
        }
        // In the order of the type, so that the tag of an enum comes before its content and serde buffers neither.
        entries.sort_by_key(|(name, _, _)| fields.iter().position(|field| field == name));
        Self::sparing(parent, entries)
    }

    pub(super) fn placeholders(
        parent: De<'a>,
        fields: &'static [&'static str],
        placeholder: Placeholder,
    ) -> Self {
        let entries = fields.iter().map(|field| (*field, *field, Input::Placeholder(placeholder)));
        Self { parent, entries: entries.collect::<Vec<_>>().into_iter(), current: None }
    }

    /// With the entries that earlier passes missed and without those that this pass leaves out.
    fn sparing(parent: De<'a>, mut entries: Vec<(&'a str, &'a str, Input<'a>)>) -> Self {
        if !parent.pass.is_first() {
            let added = parent.pass.amendments().added_to(*parent.path);
            entries.extend(added.into_iter().map(|field| (field, field, Input::Value(&Value::Null))));
            entries.retain(|(_, key, _)| !parent.pass.leaves_out(KeyPath::Key(parent.path, key)));
        }
        Self { parent, entries: entries.into_iter(), current: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = DecodeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        let Some((name, key, input)) = self.entries.next() else {
            return Ok(None);
        };
        self.current = Some((key, input));
        let path = KeyPath::Key(self.parent.path, key);
        let respelled = self.parent.pass.amendments().key_at(path);
        let name = respelled.cloned().unwrap_or_else(|| Value::Text(name.to_owned()));
        let de = De { pass: self.parent.pass, path: &path, input: Input::Value(&name), is_key: true };
        seed.deserialize(de).map(Some).map_err(|error| error.at(path, type_name::<S::Value>()))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DecodeError> {
        let Some((key, input)) = self.current.take() else {
            return Err(DecodeError::shape("was read without its key"));
        };
        De::child(self.parent.pass, KeyPath::Key(self.parent.path, key), input, seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}
