//! What a pass changes in the tree after earlier passes failed.

use std::collections::HashMap;

use super::placeholder::Placeholder;
use crate::Value;
use crate::load::path::{KeyPath, hash_of};

/// What a pass puts where an earlier pass failed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Amendment {
    /// Leave the key out, so that the default of the type applies.
    Omit,
    /// A placeholder instead of the value.
    Replace(Placeholder),
    /// A placeholder where the key was missing.
    Add(Placeholder),
    /// This value where the key was missing.
    AddValue(Value),
    /// The value in the tree in the form that its type accepts.
    Put(Value),
    /// The value in the tree, as it is.
    Keep,
    /// Some value that fits, because the one in the tree does not.
    StandIn(Value),
}

/// The changes of a pass, by path. Lookups allocate nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Amendments {
    entries: Vec<(Vec<String>, Amendment)>,
    /// Hash of a path to the indexes of its entries.
    by_path: HashMap<u64, Vec<usize>>,
    /// Hash of a table's path to the entries that add a key to it.
    added: HashMap<u64, Vec<usize>>,
    /// Keys of buffered maps that are no text.
    keys: HashMap<Vec<String>, Value>,
}

impl Amendments {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.keys.is_empty()
    }

    pub(crate) fn at(&self, path: KeyPath<'_>) -> Option<&Amendment> {
        if self.entries.is_empty() {
            return None;
        }
        let candidates = self.by_path.get(&path.hash())?;
        let path = path.to_vec();
        self.find(candidates, &path)
    }

    pub(crate) fn get(&self, path: &[String]) -> Option<&Amendment> {
        self.find(self.by_path.get(&hash_of(path))?, path)
    }

    fn find(&self, candidates: &[usize], path: &[String]) -> Option<&Amendment> {
        let mut entries = candidates.iter().filter_map(|index| self.entries.get(*index));
        entries.find(|(at, _)| at == path).map(|(_, amendment)| amendment)
    }

    pub(crate) fn insert(&mut self, path: Vec<String>, amendment: Amendment) {
        let hash = hash_of(&path);
        for index in self.by_path.get(&hash).into_iter().flatten() {
            if let Some((_, old)) = self.entries.get_mut(*index).filter(|(at, _)| *at == path) {
                *old = amendment;
                return;
            }
        }
        let index = self.entries.len();
        self.by_path.entry(hash).or_default().push(index);
        if let (Amendment::Add(_) | Amendment::AddValue(_), Some((_, parent))) =
            (&amendment, path.split_last())
        {
            self.added.entry(hash_of(parent)).or_default().push(index);
        }
        self.entries.push((path, amendment));
    }

    /// The amendment at the path or above it, to be changed.
    pub(crate) fn covering(&mut self, path: &[String]) -> Option<&mut Amendment> {
        let index = (0..=path.len()).find_map(|length| {
            let above = path.get(..length)?;
            let candidates = self.by_path.get(&hash_of(above))?;
            candidates
                .iter()
                .copied()
                .find(|index| self.entries.get(*index).is_some_and(|(at, _)| at == above))
        })?;
        self.entries.get_mut(index).map(|(_, amendment)| amendment)
    }

    /// Whether a later search has changed something. Amendments are only added or replaced by others of the same path.
    pub(crate) fn differ_from(&self, earlier: &Self) -> bool {
        self.entries != earlier.entries || self.keys != earlier.keys
    }

    /// Whether something below the path is no value of the configuration.
    pub(crate) fn has_placeholder_below(&self, path: &[String]) -> bool {
        let is_real = |amendment: &Amendment| matches!(amendment, Amendment::Keep | Amendment::Put(_));
        self.entries.iter().any(|(at, amendment)| at.starts_with(path) && !is_real(amendment))
    }

    /// The keys that earlier passes missed in the table at `path`.
    pub(crate) fn added_to(&self, path: KeyPath<'_>) -> Vec<&str> {
        if self.added.is_empty() {
            return Vec::new();
        }
        let Some(candidates) = self.added.get(&path.hash()) else { return Vec::new() };
        let path = path.to_vec();
        let entries = candidates.iter().filter_map(|index| self.entries.get(*index));
        entries
            .filter_map(|(at, _)| at.split_last())
            .filter(|(_, parent)| *parent == path.as_slice())
            .map(|(field, _)| field.as_str())
            .collect()
    }

    /// What the key of an entry of a buffered map is instead of text.
    pub(crate) fn key_at(&self, path: KeyPath<'_>) -> Option<&Value> {
        if self.keys.is_empty() { None } else { self.keys.get(&path.to_vec()) }
    }

    pub(crate) fn has_key(&self, path: &[String]) -> bool {
        self.keys.contains_key(path)
    }

    pub(crate) fn put_key(&mut self, path: Vec<String>, key: Value) {
        self.keys.insert(path, key);
    }
}
