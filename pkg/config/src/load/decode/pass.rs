//! One pass of the decoder over the tree, and what it learns beside the value.

use std::cell::{Cell, RefCell};

use super::amend::{Amendment, Amendments};
use super::input::Input;
use super::placeholder::Placeholder;
use super::trace::{self, Counts};
use crate::Value;
use crate::load::key;
use crate::load::path::KeyPath;

/// What a pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode<'m> {
    /// Decoding, with the smallest placeholders.
    Low,
    /// Decoding, with the largest placeholders.
    High,
    /// Finding the types of the values that serde buffers at this path and below: each is replaced by a token.
    Searching(&'m [String]),
}

pub(crate) struct Pass<'a> {
    amendments: &'a Amendments,
    mode: Mode<'a>,
    notes: RefCell<Notes>,
    /// What the values that are finished account for.
    accounted: Cell<Counts>,
}

/// What a pass learns beside the value.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Keys that their struct does not have, and the fields it has.
    pub(crate) unknown: Vec<(Vec<String>, &'static [&'static str])>,
    /// Keys that went into a [`Secret`](crate::Secret).
    pub(crate) secrets: Vec<String>,
    /// Keys whose type is hidden by a buffer of serde.
    pub(crate) hidden: Vec<String>,
    /// Scalars for which a list, a table or an enum was asked: text with parts, or a mistake.
    pub(crate) split: Vec<Vec<String>>,
    /// Values whose type serde did not say when it asked for them; a token is an index of this list.
    pub(crate) buffered: Vec<Vec<String>>,
    /// Keys of entries that serde buffered.
    pub(crate) keys: Vec<Vec<String>>,
    /// Values that were decoded although one attempt failed: an untagged enum took another variant.
    pub(crate) swallowed: Vec<Vec<String>>,
}

/// The state of the notes before a value is decoded.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    buffered: usize,
}

impl<'a> Pass<'a> {
    pub(crate) fn new(amendments: &'a Amendments, mode: Mode<'a>) -> Self {
        Self { amendments, mode, notes: RefCell::default(), accounted: Cell::default() }
    }

    pub(crate) fn into_notes(self) -> Notes {
        self.notes.into_inner()
    }

    pub(crate) fn is_first(&self) -> bool {
        self.amendments.is_empty()
    }

    pub(super) fn amendments(&self) -> &'a Amendments {
        self.amendments
    }

    pub(crate) fn input_at<'v>(&self, path: KeyPath<'_>, value: &'v Value) -> Input<'v>
    where
        'a: 'v,
    {
        let placeholder = match self.amendments.at(path) {
            None | Some(Amendment::Keep) => return Input::Value(value),
            Some(Amendment::Put(value) | Amendment::AddValue(value) | Amendment::StandIn(value)) => {
                return Input::Value(value);
            }
            Some(Amendment::Omit) => Placeholder::FIRST,
            Some(Amendment::Replace(placeholder) | Amendment::Add(placeholder)) => *placeholder,
        };
        Input::Placeholder(if self.mode == Mode::High { placeholder.high() } else { placeholder })
    }

    pub(crate) fn leaves_out(&self, path: KeyPath<'_>) -> bool {
        matches!(self.amendments.at(path), Some(Amendment::Omit))
    }

    pub(crate) fn note_unknown(&self, path: KeyPath<'_>, fields: &'static [&'static str]) {
        self.notes.borrow_mut().unknown.push((path.to_vec(), fields));
    }

    /// A value is asked for without a type. Returns the token to answer with when this pass searches for types.
    pub(super) fn note_buffered(&self, path: KeyPath<'_>, visitor: &str) -> Option<usize> {
        let mut notes = self.notes.borrow_mut();
        let at = path.to_vec();
        // The visitor of serde's buffer, and of crates that copied it.
        if visitor.contains("::ContentVisitor") {
            notes.hidden.push(key::join(&at));
        }
        let searched = match self.mode {
            Mode::Searching(scope) => at.starts_with(scope),
            Mode::Low | Mode::High => false,
        };
        let is_open = match self.amendments.get(&at) {
            None | Some(Amendment::Add(_)) => true,
            Some(_) => false,
        };
        notes.buffered.push(at);
        (searched && is_open).then(|| notes.buffered.len() - 1)
    }

    /// The key of an entry is asked for without a type.
    pub(super) fn note_buffered_key(&self, path: KeyPath<'_>) {
        if matches!(self.mode, Mode::Searching(_)) {
            self.notes.borrow_mut().keys.push(path.to_vec());
        }
    }

    pub(super) fn note_secret(&self, path: KeyPath<'_>) {
        trace::secret_seen();
        self.notes.borrow_mut().secrets.push(path.to_key());
    }

    pub(super) fn note_hidden(&self, path: KeyPath<'_>) {
        self.notes.borrow_mut().hidden.push(path.to_key());
    }

    pub(super) fn note_split(&self, path: KeyPath<'_>) {
        self.notes.borrow_mut().split.push(path.to_vec());
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { buffered: self.notes.borrow().buffered.len() }
    }

    /// The value at `path` is decoded, or has failed.
    pub(super) fn finish(&self, path: KeyPath<'_>, mark: Mark, is_ok: bool) {
        let counts = trace::counts();
        let accounted = self.accounted.replace(counts);
        if counts == accounted {
            return;
        }
        let mut notes = self.notes.borrow_mut();
        if counts.hidden_secrets() > accounted.hidden_secrets() {
            let buffered: Vec<String> =
                notes.buffered.iter().skip(mark.buffered).map(|at| key::join(at)).collect();
            if buffered.is_empty() {
                notes.hidden.push(path.to_key());
            }
            notes.hidden.extend(buffered);
        }
        if counts.requests > accounted.requests && is_ok {
            notes.swallowed.push(path.to_vec());
        }
    }
}
