//! The defaults of the program, taken from a value of the settings type.

use std::collections::HashMap;

use figment::value::{Dict, Empty, Value as Tree};
use serde::Serialize;

use crate::load::key;
use crate::load::layer::Layer;
use crate::{Origin, REDACTED, Value};

/// Reads the defaults from a value. A [`Secret`](crate::Secret) serializes as `[redacted]` and is left out: it has no default.
/// `None` when the type does not serialize as a table.
pub(crate) fn read<T: Serialize>(defaults: &T) -> Option<Value> {
    let value = serde_json::to_value(defaults).map(Value::from).ok()?;
    matches!(value, Value::Table(_)).then(|| unmasked(value))
}

/// Without the masks of secrets.
fn unmasked(value: Value) -> Value {
    let is_mask = |value: &Value| matches!(value, Value::String(text) if text == REDACTED);
    match value {
        Value::Table(table) => {
            let kept = table.into_iter().filter(|(_, value)| !is_mask(value));
            Value::Table(kept.map(|(key, value)| (key, unmasked(value))).collect())
        }
        Value::List(items) => {
            Value::List(items.into_iter().filter(|item| !is_mask(item)).map(unmasked).collect())
        }
        other => other,
    }
}

/// A layer of values that the program states itself.
pub(crate) fn of(value: &Value) -> Layer {
    let layer = Layer { origins: HashMap::with_capacity(keys(value)), ..Layer::default() };
    let mut stating = Stating { key: String::new(), layer };
    if let Some(Tree::Dict(_, tree)) = stating.value(value) {
        stating.layer.tree = tree;
    }
    stating.layer
}

/// How many keys lie below a value.
fn keys(value: &Value) -> usize {
    match value {
        Value::Table(table) => table.values().map(|value| 1 + keys(value)).sum(),
        Value::List(items) => items.iter().map(|item| 1 + keys(item)).sum(),
        _ => 0,
    }
}

struct Stating {
    /// The current key.
    key: String,
    layer: Layer,
}

impl Stating {
    fn value(&mut self, value: &Value) -> Option<Tree> {
        Some(match value {
            Value::String(text) if text == REDACTED => return None,
            Value::String(text) | Value::Text(text) => Tree::from(text.as_str()),
            Value::Null => Tree::from(Empty::None),
            Value::Bool(value) => Tree::from(*value),
            Value::Integer(value) => Tree::from(*value),
            Value::Float(value) => Tree::from(*value),
            Value::List(items) => {
                let items = items.iter().enumerate();
                Tree::from(
                    items
                        .filter_map(|(index, item)| self.below(&index.to_string(), item))
                        .collect::<Vec<_>>(),
                )
            }
            Value::Table(table) => {
                let entries =
                    table.iter().filter_map(|(name, value)| Some((name.clone(), self.below(name, value)?)));
                Tree::from(entries.collect::<Dict>())
            }
        })
    }

    fn below(&mut self, segment: &str, value: &Value) -> Option<Tree> {
        let length = self.key.len();
        key::push(&mut self.key, segment);
        let tree = self.value(value);
        if tree.is_some() {
            self.layer.origins.insert(self.key.clone(), Origin::Default);
        }
        self.key.truncate(length);
        tree
    }
}
