//! The defaults of the program, taken from a value of the settings type.

use figment::value::{Dict, Empty, Value as Tree};
use serde::Serialize;

use crate::layer::Layer;
use crate::{Origin, REDACTED, Value, key};

/// Reads the defaults from a value. A [`Secret`](crate::Secret) serializes as `[redacted]` and is left out: it has no default.
/// `None` when the type does not serialize as a table.
pub(crate) fn read<T: Serialize>(defaults: &T) -> Option<Value> {
    serde_json::to_value(defaults).map(Value::from).ok().filter(|value| matches!(value, Value::Table(_)))
}

/// A layer of values that the program states itself.
pub(crate) fn of(value: Value) -> Layer {
    let mut layer = Layer::default();
    if let Some(Tree::Dict(_, tree)) = convert(&mut layer, "", value) {
        layer.tree = tree;
    }
    layer
}

fn convert(layer: &mut Layer, at: &str, value: Value) -> Option<Tree> {
    let tree = match value {
        Value::String(text) if text == REDACTED => return None,
        Value::String(text) | Value::Text(text) => Tree::from(text),
        Value::Null => Tree::from(Empty::None),
        Value::Bool(value) => Tree::from(value),
        Value::Integer(value) => Tree::from(value),
        Value::Float(value) => Tree::from(value),
        Value::List(items) => {
            let mut list = Vec::with_capacity(items.len());
            for (index, item) in items.into_iter().enumerate() {
                list.extend(convert(layer, &below(at, &index.to_string()), item));
            }
            Tree::from(list)
        }
        Value::Table(table) => {
            let mut tree = Dict::new();
            for (name, value) in table {
                if let Some(value) = convert(layer, &below(at, &name), value) {
                    tree.insert(name, value);
                }
            }
            Tree::from(tree)
        }
    };
    if !at.is_empty() {
        layer.origins.insert(at.to_owned(), Origin::Default);
    }
    Some(tree)
}

fn below(at: &str, segment: &str) -> String {
    let mut key = at.to_owned();
    key::push(&mut key, segment);
    key
}
