//! One pass of the decoder over the tree: what it changes, and what it notes beside errors.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::de::Source;
use super::placeholder::Placeholder;
use crate::Value;
use crate::load::key;
use crate::load::path::Path;

/// What a pass puts where an earlier pass failed.
#[derive(Debug, Clone)]
pub(crate) enum Amendment {
    /// Leave the key out, so that the default of the type steps in.
    Omit,
    /// Something that fits in place of the value.
    Replace(Placeholder),
    /// Something that fits where the key was missing.
    Add(Placeholder),
    /// This value, where a field sees a buffered one.
    Put(Value),
}

/// What a pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Decoding, with the smallest placeholders.
    Low,
    /// Decoding, with the largest placeholders.
    High,
    /// Noting which values serde buffers.
    Probing,
}

pub(crate) type Amendments = BTreeMap<Vec<String>, Amendment>;

pub(crate) struct Pass<'a> {
    amendments: &'a Amendments,
    mode: Mode,
    notes: RefCell<Notes>,
}

/// What a pass learns beside the value.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Keys that their struct does not have, and the fields it has.
    pub(crate) unknown: Vec<(Vec<String>, &'static [&'static str])>,
    /// Keys that went into a [`Secret`](crate::Secret).
    pub(crate) secrets: Vec<String>,
    /// Values that serde buffered, in order; only while probing.
    pub(crate) buffered: Vec<Vec<String>>,
}

impl<'a> Pass<'a> {
    pub(crate) fn new(amendments: &'a Amendments, mode: Mode) -> Self {
        Self { amendments, mode, notes: RefCell::default() }
    }

    pub(crate) fn into_notes(self) -> Notes {
        self.notes.into_inner()
    }

    pub(crate) fn is_first(&self) -> bool {
        self.amendments.is_empty()
    }

    pub(crate) fn source_at<'v>(&self, path: Path<'_>, value: &'v Value) -> Source<'v>
    where
        'a: 'v,
    {
        let amendment = if self.is_first() { None } else { self.amendments.get(&path.to_vec()) };
        let placeholder = match amendment {
            None => return Source::Value(value),
            Some(Amendment::Put(value)) => return Source::Value(value),
            Some(Amendment::Omit) => Placeholder::FIRST,
            Some(Amendment::Replace(placeholder) | Amendment::Add(placeholder)) => *placeholder,
        };
        Source::Placeholder(if self.mode == Mode::High { placeholder.high() } else { placeholder })
    }

    pub(crate) fn leaves_out(&self, path: Path<'_>) -> bool {
        matches!(self.amendments.get(&path.to_vec()), Some(Amendment::Omit))
    }

    /// The keys below `path` that were missing in an earlier pass.
    pub(crate) fn required_at(&self, path: Path<'_>) -> impl Iterator<Item = &'a str> {
        let path = if self.is_first() { Vec::new() } else { path.to_vec() };
        self.amendments.iter().filter_map(move |(at, amendment)| match (amendment, at.split_last()) {
            (Amendment::Add(_), Some((field, parent))) if parent == path => Some(field.as_str()),
            _ => None,
        })
    }

    pub(crate) fn note_unknown(&self, path: Path<'_>, fields: &'static [&'static str]) {
        self.notes.borrow_mut().unknown.push((path.to_vec(), fields));
    }

    /// A value that goes into a buffer of serde before a field sees it.
    pub(crate) fn note_buffered(&self, path: Path<'_>) {
        if self.mode == Mode::Probing {
            self.notes.borrow_mut().buffered.push(path.to_vec());
        }
    }

    pub(crate) fn note_secret(&self, path: Path<'_>) {
        self.notes.borrow_mut().secrets.push(key::join(&path.to_vec()));
    }
}
