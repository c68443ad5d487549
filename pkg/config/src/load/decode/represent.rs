//! What an untyped text can be to a type that says in words what it accepts.

use super::error::{describe, one_of};
use super::text::{self, spelled};
use super::trace::Expectation;
use crate::{Table, Value};

/// The forms in which a value can be given to a type, the best first. `None` is the value as it is; no form means that it fits in
/// none.
pub(super) fn forms(value: &Value, expected: &Expectation) -> Vec<Option<Value>> {
    match (value, expected) {
        (Value::Text(text), Expectation::OneOf(names)) => {
            spelled(text.trim(), names).map(|name| Some(Value::String(name.to_owned()))).into_iter().collect()
        }
        (Value::String(text), Expectation::OneOf(names)) => {
            if names.contains(&text.as_str()) {
                vec![None]
            } else {
                Vec::new()
            }
        }
        (_, Expectation::OneOf(_) | Expectation::Field(_)) => Vec::new(),
        (Value::Text(text), Expectation::Phrase(phrase)) => of_text(text, phrase),
        (value, Expectation::Phrase(phrase)) => {
            let fits = match kind(phrase) {
                Kind::Other => true,
                Kind::Integer => matches!(value, Value::Integer(integer) if in_range(*integer, phrase)),
                Kind::Float => matches!(value, Value::Float(_) | Value::Integer(_)),
                Kind::Boolean => matches!(value, Value::Bool(_)),
                Kind::Text => matches!(value, Value::String(_)),
                Kind::List => matches!(value, Value::List(_)),
                Kind::Map | Kind::Struct => matches!(value, Value::Table(_)),
                Kind::Enum => matches!(value, Value::String(_) | Value::Table(_)),
                Kind::Unit => matches!(value, Value::Null),
            };
            // `None` of an `Option`, and a list that came as indexes.
            match value {
                Value::Null => vec![None],
                Value::Table(table) if kind(phrase) == Kind::List => {
                    let items = text::indexed(table).map(|items| items.into_iter().cloned().collect());
                    items.map(|items| Some(Value::List(items))).into_iter().collect()
                }
                _ if fits => vec![None],
                _ => Vec::new(),
            }
        }
    }
}

fn of_text(text: &str, phrase: &str) -> Vec<Option<Value>> {
    let trimmed = text.trim();
    let one = |value: Option<Value>| value.map(Some).into_iter().collect::<Vec<_>>();
    // Empty text is `None` where an option asks; anything else refuses it and the next form is tried.
    let mut forms = if text.is_empty() { vec![Some(Value::Null)] } else { Vec::new() };
    forms.extend(match kind(phrase) {
        // `-0` is a number, and no unsigned type reads it from its text.
        Kind::Integer if trimmed.starts_with('-') && phrase.starts_with('u') => Vec::new(),
        Kind::Integer => {
            one(trimmed.parse().ok().filter(|integer| in_range(*integer, phrase)).map(Value::Integer))
        }
        Kind::Float => one(trimmed.parse().ok().map(Value::Float)),
        Kind::Boolean => one(text::boolean(text).map(Value::Bool)),
        Kind::Text => vec![Some(Value::String(text.to_owned()))],
        Kind::List => one(text::list(text).ok().map(Value::List)),
        Kind::Map => one(text::map(text)),
        Kind::Struct => one(text::json(text).filter(|value| matches!(value, Value::Table(_)))),
        Kind::Unit => Vec::new(),
        Kind::Enum | Kind::Other => {
            let json = trimmed.starts_with(['{', '[']).then(|| text::json(text)).flatten();
            let mut forms = one(json.filter(|value| matches!(value, Value::List(_) | Value::Table(_))));
            forms.push(None);
            forms
        }
    });
    forms
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Float,
    Boolean,
    Text,
    List,
    Map,
    Struct,
    Enum,
    Unit,
    Other,
}

/// What the visitors of std and of serde's derive say that they accept.
fn kind(phrase: &str) -> Kind {
    match phrase {
        "u8" | "u16" | "u32" | "u64" | "usize" | "u128" | "i8" | "i16" | "i32" | "i64" | "isize" | "i128" => {
            Kind::Integer
        }
        "f32" | "f64" => Kind::Float,
        "a boolean" => Kind::Boolean,
        "a string" => Kind::Text,
        "a sequence" | "an empty array" => Kind::List,
        "a map" => Kind::Map,
        "string or map" => Kind::Enum,
        "unit" => Kind::Unit,
        phrase if phrase.starts_with("a tuple of ") || phrase.starts_with("an array of ") => Kind::List,
        phrase if phrase.starts_with("tuple ") => Kind::List,
        phrase if phrase.starts_with("a nonzero ") || phrase.starts_with("integer with ") => Kind::Integer,
        phrase if phrase.starts_with("struct ") || phrase.starts_with("internally tagged enum ") => {
            Kind::Struct
        }
        _ => Kind::Other,
    }
}

fn in_range(value: i128, phrase: &str) -> bool {
    match phrase {
        "u8" => u8::try_from(value).is_ok(),
        "u16" => u16::try_from(value).is_ok(),
        "u32" => u32::try_from(value).is_ok(),
        "u64" | "usize" => u64::try_from(value).is_ok(),
        "i8" => i8::try_from(value).is_ok(),
        "i16" => i16::try_from(value).is_ok(),
        "i32" => i32::try_from(value).is_ok(),
        "i64" | "isize" => i64::try_from(value).is_ok(),
        _ => i64::try_from(value).is_ok() || u64::try_from(value).is_ok(),
    }
}

/// Whether the form of a value decides, so that a refusal says nothing but the type.
pub(super) fn is_plain(expected: &Expectation) -> bool {
    match expected {
        Expectation::OneOf(_) | Expectation::Field(_) => true,
        Expectation::Phrase(phrase) => kind(phrase) != Kind::Other,
    }
}

/// The sentence about a value that fits in no form.
pub(super) fn refusal(value: &Value, expected: &Expectation) -> String {
    match (value, expected) {
        (Value::Text(text), Expectation::Phrase(phrase)) if kind(phrase) == Kind::List => {
            text::list(text).err().map_or_else(|| format!("must be {}", describe(phrase)), str::to_owned)
        }
        (Value::Text(_), Expectation::Phrase(phrase)) => format!("must be {}", describe(phrase)),
        (Value::Integer(_), Expectation::Phrase(phrase)) if kind(phrase) == Kind::Integer => {
            format!("must be {}", describe(phrase))
        }
        (typed, Expectation::Phrase(phrase)) => {
            format!("must be {}, not {}", describe(phrase), typed.shape())
        }
        (_, Expectation::OneOf(names) | Expectation::Field(names)) => one_of(names),
    }
}

/// Values that may pass where `expected` was refused, so that the next problem can be found.
pub(super) fn stand_ins(expected: &Expectation) -> Vec<Value> {
    let texts = |texts: &[&str]| texts.iter().map(|text| Value::from(*text)).collect();
    match expected {
        Expectation::OneOf(names) | Expectation::Field(names) => texts(names),
        Expectation::Phrase(phrase) => match kind(phrase) {
            Kind::Integer => [0, 1, 100].map(Value::Integer).into(),
            Kind::Float => vec![Value::Float(0.0), Value::Float(1.0)],
            Kind::Boolean => vec![Value::Bool(false), Value::Bool(true)],
            Kind::List => vec![Value::List(Vec::new())],
            Kind::Map | Kind::Struct => vec![Value::Table(Table::new())],
            Kind::Unit => vec![Value::Null],
            Kind::Text | Kind::Enum | Kind::Other => {
                let mut values = vec![Value::Null, Value::Integer(0)];
                values.extend(super::placeholder::TEXTS.iter().map(|text| Value::from(*text)));
                values
            }
        },
    }
}
