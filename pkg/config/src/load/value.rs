//! A value of the merged configuration.

use std::collections::BTreeMap;
use std::fmt;

use crate::load::key;

/// Keys and values of one level.
pub type Table = BTreeMap<String, Value>;

/// A value of the merged configuration.
///
/// `Debug` shows the shape and never the content, which may be a secret.
#[non_exhaustive]
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Nothing: the default of an `Option`.
    Null,
    /// A boolean of a typed source (a file, a default).
    Bool(bool),
    /// An integer of a typed source.
    Integer(i128),
    /// A floating-point number of a typed source.
    Float(f64),
    /// A string of a typed source. It does not turn into a number: `port = "8080"` in a file is a mistake worth telling.
    String(String),
    /// Text of a source without types (environment, `.env`, secrets, overrides). The receiving type says what it means.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A nested block.
    Table(Table),
}

impl Value {
    /// The value at a dotted key below this one. Items of a list are reached by their index.
    pub fn at(&self, key: &str) -> Option<&Self> {
        key::segments(key).try_fold(self, Self::child)
    }

    pub(crate) fn at_path<S: AsRef<str>>(&self, path: &[S]) -> Option<&Self> {
        path.iter().try_fold(self, |value, segment| value.child(segment.as_ref()))
    }

    pub(crate) fn child(&self, segment: &str) -> Option<&Self> {
        match self {
            Self::Table(table) => table.get(segment),
            Self::List(items) => items.get(segment.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// Puts the keys of `above` over those of this table, table by table; anything else is replaced.
    pub(crate) fn lay_over(&mut self, above: Self) {
        match (self, above) {
            (Self::Table(table), Self::Table(above)) => {
                for (key, value) in above {
                    match table.get_mut(&key) {
                        Some(below) => below.lay_over(value),
                        None => drop(table.insert(key, value)),
                    }
                }
            }
            (below, above) => *below = above,
        }
    }

    /// How much work it is to decode: values, and the items of texts that may be lists. At least 1.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Text(text) => 1 + text.bytes().filter(|byte| *byte == b',').count(),
            Self::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Self::Table(table) => 1 + table.values().map(Self::size).sum::<usize>(),
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Float(_) | Self::String(_) => 1,
        }
    }

    /// How deeply tables and lists are nested; 0 for a scalar.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or_default(),
            Self::Table(table) => 1 + table.values().map(Self::depth).max().unwrap_or_default(),
            _ => 0,
        }
    }

    /// Whether some of it came from a source without types, whose keys have no case.
    pub(crate) fn holds_text(&self) -> bool {
        match self {
            Self::Text(_) => true,
            Self::List(items) => items.iter().any(Self::holds_text),
            Self::Table(table) => table.values().any(Self::holds_text),
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Float(_) | Self::String(_) => false,
        }
    }

    /// The name of the shape, for messages: "text", "a list".
    pub(crate) const fn shape(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a decimal number",
            Self::String(_) | Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// The shape only, because the content may be a secret.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(items) => f.debug_list().entries(items).finish(),
            Self::Table(table) => f.debug_map().entries(table).finish(),
            other => f.write_str(other.shape()),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

macro_rules! from_integer {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Value {
            fn from(value: $integer) -> Self {
                Self::Integer(i128::from(value))
            }
        }
    )*};
}
from_integer!(u8, u16, u32, u64, i8, i16, i32, i64, i128);

impl<V: Into<Self>> From<Vec<V>> for Value {
    fn from(values: Vec<V>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

/// What JSON text means as a value; numbers outside `i128` and `f64` stay text.
impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => match (number.as_i128(), number.as_f64()) {
                (Some(integer), _) => Self::Integer(integer),
                (None, Some(float)) => Self::Float(float),
                (None, None) => Self::Text(number.to_string()),
            },
            serde_json::Value::String(text) => Self::String(text),
            serde_json::Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            serde_json::Value::Object(map) => {
                Self::Table(map.into_iter().map(|(key, value)| (key, Self::from(value))).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_shape_and_never_the_content() {
        let value = Value::from(serde_json::json!({"a": ["marker-8c1", 4711], "b": {"c": true}}));
        let shown = format!("{value:?}");
        assert_eq!(shown, r#"{"a": [text, an integer], "b": {"c": a boolean}}"#);
    }

    #[test]
    fn a_key_reaches_tables_and_lists() {
        let value = Value::from(serde_json::json!({"hosts": [{"name": "a"}, {"name": "b"}], "x.y": 1}));
        assert_eq!(value.at("hosts.1.name"), Some(&Value::from("b")));
        assert_eq!(value.at("\"x.y\""), Some(&Value::from(1)));
        assert_eq!(value.at("hosts.2.name"), None);
        assert_eq!(value.at("hosts.first"), None);
    }
}
