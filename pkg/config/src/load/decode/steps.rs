//! The forms in which a search gives a buffered value to its type.

use std::borrow::Cow;

use super::amend::{Amendment, Amendments};
use super::error::Failure;
use super::pass::Notes;
use super::represent::{forms, stand_ins};
use super::text::{inside, spelled};
use super::trace::{Expectation, TypeRequest};
use crate::Value;
use crate::load::key;

/// What one pass found.
pub(super) struct Found {
    pub(super) failure: Option<Failure>,
    pub(super) requests: Vec<TypeRequest>,
    pub(super) notes: Notes,
}

impl Found {
    pub(super) fn expectations_at(&self, path: &[String]) -> Vec<Expectation> {
        let expected = |request: &TypeRequest| match request {
            TypeRequest::Token { id, expected }
                if self.notes.buffered.get(*id).is_some_and(|at| at == path) =>
            {
                Some(expected.clone())
            }
            _ => None,
        };
        self.requests.iter().filter_map(expected).collect()
    }
}

/// A value or a key in a form, and what the type says that it accepts.
pub(super) struct Step {
    pub(super) path: Vec<String>,
    pub(super) form: Form,
    pub(super) expected: Expectation,
}

pub(super) enum Form {
    Value(Amendment),
    Key(Value),
}

impl Step {
    pub(super) fn apply(&self, amendments: &mut Amendments) {
        match &self.form {
            Form::Value(amendment) => amendments.insert(self.path.clone(), amendment.clone()),
            Form::Key(key) => amendments.put_key(self.path.clone(), key.clone()),
        }
    }
}

/// The forms that answer a refusal.
pub(super) fn steps(
    root: &Value,
    amendments: &Amendments,
    notes: &Notes,
    request: &TypeRequest,
) -> Vec<Step> {
    match request {
        TypeRequest::Token { id, expected } => {
            let Some(path) = notes.buffered.get(*id) else { return Vec::new() };
            forms_at(root, amendments, path, expected)
        }
        // Text has no case, so the key may be there in another spelling.
        TypeRequest::Missing { field } => {
            let alike = notes.keys.iter().filter(|path| {
                let is_other = path.last().is_some_and(|key| key != field && key::is_alike(key, field));
                is_other && !amendments.has_key(path)
            });
            let key = |path: &Vec<String>| Step {
                path: path.clone(),
                form: Form::Key(Value::from(*field)),
                expected: Expectation::Phrase(String::new()),
            };
            alike.map(key).collect()
        }
        TypeRequest::Text { text, expected } => {
            let keys =
                notes.keys.iter().filter(|path| path.last() == Some(text) && !amendments.has_key(path));
            let keys = keys.filter_map(|path| {
                let form = match expected {
                    Expectation::OneOf(names) | Expectation::Field(names) => {
                        spelled(text, names).map(Value::from)
                    }
                    Expectation::Phrase(_) => {
                        forms(&Value::Text(text.clone()), expected).into_iter().flatten().next()
                    }
                }?;
                Some(Step { path: path.clone(), form: Form::Key(form), expected: expected.clone() })
            });
            let names = notes.buffered.iter().rev().filter(|path| {
                matches!(expected, Expectation::OneOf(_))
                    && matches!(current(root, amendments, path).as_deref(), Some(Value::Text(name)) if name == text)
            });
            let respelled = names.flat_map(|path| forms_at(root, amendments, path, expected));
            keys.chain(respelled).collect()
        }
    }
}

fn forms_at(root: &Value, amendments: &Amendments, path: &[String], expected: &Expectation) -> Vec<Step> {
    let step =
        |amendment| Step { path: path.to_vec(), form: Form::Value(amendment), expected: expected.clone() };
    if let Some(Amendment::Add(_)) = amendments.get(path) {
        return stand_ins(expected).into_iter().map(|value| step(Amendment::AddValue(value))).collect();
    }
    let Some(value) = current(root, amendments, path) else { return Vec::new() };
    let forms = forms(&value, expected).into_iter();
    forms.map(|form| step(form.map_or(Amendment::Keep, Amendment::Put))).collect()
}

/// The value at a path, in the form that it has by now.
pub(super) fn current<'v>(
    root: &'v Value,
    amendments: &'v Amendments,
    at: &[String],
) -> Option<Cow<'v, Value>> {
    let put = |length: usize| match amendments.get(at.get(..length)?)? {
        Amendment::Put(value) | Amendment::AddValue(value) | Amendment::StandIn(value) => {
            inside(value, at.get(length..)?)
        }
        _ => None,
    };
    (0..at.len()).rev().find_map(put).or_else(|| inside(root, at))
}
