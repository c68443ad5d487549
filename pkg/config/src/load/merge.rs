//! Merges the layers into one tree. Figment merges and remembers the layer of each value.

use std::collections::HashMap;

use figment::value::{Dict, Map, Num, Value as Tree};
use figment::{Figment, Metadata, Profile, Provider, Source};

use crate::load::fit::fit;
use crate::load::key;
use crate::load::layer::Layer;
use crate::{Issue, Origin, Table, Value};

/// The result of merging.
pub(crate) struct Merged {
    pub(crate) root: Value,
    pub(crate) origins: HashMap<String, Origin>,
    pub(crate) issues: Vec<Issue>,
    pub(crate) warnings: Vec<Issue>,
    /// A source could not be read, so that missing keys mean nothing.
    pub(crate) is_incomplete: bool,
}

/// Merges layers, the weakest first. Tables merge key by key; anything else replaces what was there.
pub(crate) fn merge(mut layers: Vec<Layer>) -> Merged {
    let mut figment = Figment::new();
    let mut issues = Vec::new();
    let mut warnings = Vec::new();
    for index in 0..layers.len() {
        let (below, rest) = layers.split_at_mut(index);
        let Some(layer) = rest.first_mut() else { break };
        issues.append(&mut layer.issues);
        warnings.append(&mut layer.warnings);
        if !layer.tree.is_empty() {
            fit(layer, below, &mut issues);
            figment = figment.merge(Merging { index, tree: &layer.tree });
        }
    }
    let is_incomplete = layers.iter().any(|layer| layer.is_incomplete);
    let data = figment.data().ok().and_then(|mut data| data.remove(&Profile::Default)).unwrap_or_default();
    let most = layers.iter().map(|layer| layer.origins.len()).max().unwrap_or_default();
    let mut unifying = Unifying {
        figment: &figment,
        layers: &mut layers,
        key: String::new(),
        origins: HashMap::with_capacity(most),
    };
    let root = Value::Table(unifying.table(data));
    Merged { root, origins: unifying.origins, issues, warnings, is_incomplete }
}

/// A layer as a provider for figment; the metadata carries its number.
struct Merging<'m> {
    index: usize,
    tree: &'m Dict,
}

impl Provider for Merging<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::from("layer", Source::Custom(self.index.to_string()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.tree.clone())]))
    }
}

/// From figment's values to ours, noting the origin of each key.
struct Unifying<'u> {
    figment: &'u Figment,
    layers: &'u mut [Layer],
    /// The key of the current value.
    key: String,
    origins: HashMap<String, Origin>,
}

impl Unifying<'_> {
    fn table(&mut self, tree: Dict) -> Table {
        tree.into_iter()
            .map(|(name, value)| {
                let value = self.below(&name, value);
                (name, value)
            })
            .collect()
    }

    fn below(&mut self, segment: &str, tree: Tree) -> Value {
        let length = self.key.len();
        key::push(&mut self.key, segment);
        let value = self.value(tree);
        self.key.truncate(length);
        value
    }

    fn value(&mut self, tree: Tree) -> Value {
        let is_text = self.note_origin(&tree);
        match tree {
            Tree::String(_, text) if is_text => Value::Text(text),
            Tree::String(_, text) => Value::String(text),
            Tree::Char(_, c) => Value::String(c.to_string()),
            Tree::Bool(_, value) => Value::Bool(value),
            Tree::Num(_, number) => self::number(number),
            Tree::Empty(..) => Value::Null,
            Tree::Dict(_, tree) => Value::Table(self.table(tree)),
            Tree::Array(_, items) => {
                let items = items.into_iter().enumerate();
                Value::List(items.map(|(index, item)| self.below(&index.to_string(), item)).collect())
            }
        }
    }

    /// Moves the origin out of the layer that figment names; an item of a list that was carried over from a layer below is found
    /// there. Tells whether the value is untyped text.
    fn note_origin(&mut self, tree: &Tree) -> bool {
        let metadata = self.figment.get_metadata(tree.tag());
        let index = metadata.and_then(|metadata| metadata.source.as_ref()?.custom()?.parse::<usize>().ok());
        let end = index.map_or(self.layers.len(), |index| index + 1).min(self.layers.len());
        let key = self.key.as_str();
        let layers = self.layers.iter_mut().take(end).rev();
        let found = layers.into_iter().find_map(|layer| layer.origins.remove_entry(key));
        let is_text = found.as_ref().is_some_and(|(_, origin)| origin.is_text());
        self.origins.extend(found);
        is_text
    }
}

fn number(number: Num) -> Value {
    match number {
        Num::F32(value) => Value::Float(f64::from(value)),
        Num::F64(value) => Value::Float(value),
        Num::U128(value) => {
            i128::try_from(value).map_or_else(|_| Value::Text(value.to_string()), Value::Integer)
        }
        Num::USize(value) => i128::try_from(value).map_or(Value::Null, Value::Integer),
        Num::ISize(value) => i128::try_from(value).map_or(Value::Null, Value::Integer),
        Num::U8(value) => Value::from(value),
        Num::U16(value) => Value::from(value),
        Num::U32(value) => Value::from(value),
        Num::U64(value) => Value::from(value),
        Num::I8(value) => Value::from(value),
        Num::I16(value) => Value::from(value),
        Num::I32(value) => Value::from(value),
        Num::I64(value) => Value::from(value),
        Num::I128(value) => Value::Integer(value),
    }
}
