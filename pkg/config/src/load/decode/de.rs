//! One value to deserialize, with its path and the pass that reads it.
//!
//! What each method of a deserializer does is in [`deserializer`](super::deserializer), which uses [`access`](super::access) for
//! children and [`variant`](super::variant) for enums. Those use only this module, although the types call all of them in a circle.

use std::any::type_name;

use serde::de::DeserializeSeed;

use super::error::{DecodeError, describe};
use super::input::Input;
use super::pass::Pass;
use crate::Value;
use crate::load::path::KeyPath;

/// Deserializes one value.
#[derive(Clone, Copy)]
pub(crate) struct De<'a> {
    pub(super) pass: &'a Pass<'a>,
    pub(super) path: &'a KeyPath<'a>,
    pub(super) input: Input<'a>,
    /// The value is the key of the entry at `path`.
    pub(super) is_key: bool,
}

impl<'a> De<'a> {
    pub(crate) fn root(pass: &'a Pass<'a>, path: &'a KeyPath<'a>, value: &'a Value) -> Self {
        Self { pass, path, input: pass.input_at(*path, value), is_key: false }
    }

    /// Decodes a child with `seed` and adds its path to an error.
    pub(super) fn child<'de, S: DeserializeSeed<'de>>(
        pass: &Pass<'_>,
        path: KeyPath<'_>,
        input: Input<'_>,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        let input = match input {
            Input::Value(value) => pass.input_at(path, value),
            placeholder @ Input::Placeholder(_) => placeholder,
        };
        let mark = pass.mark();
        let result = seed.deserialize(De { pass, path: &path, input, is_key: false });
        pass.finish(path, mark, result.is_ok());
        result.map_err(|error| error.at(path, type_name::<S::Value>()))
    }

    pub(super) fn mismatch(value: &Value, expected: &str) -> DecodeError {
        match value {
            Value::Text(_) => DecodeError::shape(format!("must be {}", describe(expected))),
            other => DecodeError::expected(&describe(expected), other.shape()),
        }
    }

    /// A list, a table or an enum is asked for: the parts of a text are no keys of the tree.
    pub(super) fn as_composite(self) -> Input<'a> {
        if !matches!(self.input, Input::Value(Value::Table(_) | Value::List(_)) | Input::Placeholder(_)) {
            self.pass.note_split(*self.path);
        }
        self.input
    }
}
