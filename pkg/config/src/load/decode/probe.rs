//! Below `#[serde(flatten)]` and in tagged enums serde buffers values before a field sees them: untyped text reaches a number as a
//! string, and an error has lost its key. Probing finds both out: when one buffered value is replaced by an empty table and the
//! error says "not a table", then that value is the one the field refuses, and the error names the type the field expects.

use super::Failure;
use super::error::Problem;
use super::pass::{Amendment, Amendments};
use super::text;
use crate::{Table, Value};

/// What a probe found out about a buffered value.
pub(super) enum Finding {
    /// The text means this to its field.
    Means(Vec<String>, Value),
    /// The value does not fit; the problem belongs to it, and this fits in its place.
    Culprit(Failure, Value),
}

/// Looks for the buffered value behind an error at `path`. `again` decodes with other amendments.
pub(super) fn probe(
    root: &Value,
    amendments: &Amendments,
    path: &[String],
    buffered: Vec<Vec<String>>,
    mut again: impl FnMut(&Amendments) -> Option<Failure>,
) -> Option<Finding> {
    let below =
        |at: &Vec<String>| at.starts_with(path) && at.len() > path.len() && !amendments.contains_key(at);
    for at in buffered.into_iter().filter(below) {
        let Some(value) = current(root, amendments, &at) else { continue };
        let mut with_table = amendments.clone();
        with_table.insert(at.clone(), Amendment::Put(Value::Table(Table::new())));
        let Some((_, Problem::Shape(message))) = again(&with_table) else { continue };
        let expected = message.strip_prefix("must be ").and_then(|rest| rest.strip_suffix(", not a table"));
        let Some(expected) = expected else { continue };
        let Some(instead) = fitting(expected) else { continue };
        return Some(match meaning(value, &instead) {
            Meaning::As(value) => Finding::Means(at, value),
            Meaning::Same => continue,
            Meaning::Wrong => Finding::Culprit((at, Problem::Shape(refusal(expected, value))), instead),
        });
    }
    None
}

/// The value at a path, below what earlier probes put there.
fn current<'v>(root: &'v Value, amendments: &'v Amendments, at: &[String]) -> Option<&'v Value> {
    let put = |length: usize| match amendments.get(at.get(..length)?)? {
        Amendment::Put(value) => value.at_path(at.get(length..)?),
        Amendment::Omit | Amendment::Replace(_) | Amendment::Add(_) => None,
    };
    (0..at.len()).rev().find_map(put).or_else(|| root.at_path(at))
}

enum Meaning {
    As(Value),
    Same,
    Wrong,
}

/// What a value means to a field that takes values like `like`.
fn meaning(value: &Value, like: &Value) -> Meaning {
    let Value::Text(text) = value else {
        let fits = std::mem::discriminant(value) == std::mem::discriminant(like)
            || matches!((value, like), (Value::Integer(_), Value::Float(_)));
        return if fits { Meaning::Same } else { Meaning::Wrong };
    };
    let value = match like {
        Value::Integer(_) => text.trim().parse().ok().map(Value::Integer),
        Value::Float(_) => text.trim().parse().ok().map(Value::Float),
        Value::Bool(_) => text::boolean(text).map(Value::Bool),
        Value::List(_) => Some(Value::List(text::list(text))),
        _ => return Meaning::Same,
    };
    value.map_or(Meaning::Wrong, Meaning::As)
}

/// A value of the kind that a description asks for.
fn fitting(expected: &str) -> Option<Value> {
    match expected {
        "text" => Some(Value::String(String::new())),
        "a number" => Some(Value::Float(0.0)),
        "a list" => Some(Value::List(Vec::new())),
        expected if expected.starts_with("an integer") => Some(Value::Integer(0)),
        expected if expected.starts_with("a boolean") => Some(Value::Bool(false)),
        _ => None,
    }
}

fn refusal(expected: &str, value: &Value) -> String {
    match value {
        Value::Text(_) => format!("must be {expected}"),
        typed => format!("must be {expected}, not {}", typed.shape()),
    }
}
