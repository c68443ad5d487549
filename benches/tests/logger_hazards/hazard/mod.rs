//! The promises, one function each. `Err` says in which way a subject breaks one.

pub(crate) mod burst;
pub(crate) mod keys;
pub(crate) mod order;
pub(crate) mod outputs;
pub(crate) mod size;
pub(crate) mod values;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::subject::Subject;

pub(crate) type Verdict = Result<(), String>;
pub(crate) type Hazard = fn(&Subject) -> Verdict;

/// Runs a log call; a panic of it is a violation.
fn calm(call: impl FnOnce()) -> Verdict {
    let unwound = catch_unwind(AssertUnwindSafe(call));
    unwound.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("a panic in the caller: {}", text.unwrap_or_default())
    })
}

/// The lines of a log, each complete and strictly parsed.
fn lines(text: &str) -> Result<Vec<Map<String, Value>>, String> {
    match text.rsplit_once('\n') {
        None if text.is_empty() => Ok(Vec::new()),
        Some((lines, "")) => lines.split('\n').map(strict).collect(),
        _ => Err(format!("the last line is torn: {text}")),
    }
}

/// `serde_json` keeps the last of two equal keys in silence; this does not.
fn strict(line: &str) -> Result<Map<String, Value>, String> {
    struct NoDuplicates;
    impl<'de> Visitor<'de> for NoDuplicates {
        type Value = Map<String, Value>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
            let mut object = Map::new();
            while let Some((key, value)) = fields.next_entry::<String, Value>()? {
                if object.insert(key.clone(), value).is_some() {
                    return Err(serde::de::Error::custom(format!("the key {key:?} is there twice")));
                }
            }
            Ok(object)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(line);
    let object = reader.deserialize_map(NoDuplicates).and_then(|object| reader.end().map(|()| object));
    object.map_err(|error| {
        let torn = if error.is_eof() || error.is_syntax() { "a line is torn: " } else { "" };
        format!("{torn}{error}: {line}")
    })
}

/// The only line of a log.
fn only(text: &str) -> Result<Map<String, Value>, String> {
    let mut lines = lines(text)?;
    match (lines.pop(), lines.is_empty()) {
        (Some(line), true) => Ok(line),
        _ => Err(format!("not one line: {text:?}")),
    }
}

/// Whether a record with this message is among the lines.
fn has(lines: &[Map<String, Value>], msg: &str) -> bool {
    lines.iter().any(|line| line.get("msg").and_then(Value::as_str) == Some(msg))
}

fn broken(what: impl Into<String>) -> Verdict {
    Err(what.into())
}
