//! One tree out of all layers. Figment merges and remembers which layer a value came from.

use std::collections::BTreeMap;

use figment::value::{Dict, Map, Num, Value as Tree};
use figment::{Figment, Metadata, Profile, Provider, Source};

use crate::layer::Layer;
use crate::{Issue, IssueKind, Origin, Table, Value, key};

/// The result of merging.
pub(crate) struct Merged {
    pub(crate) root: Value,
    pub(crate) origins: BTreeMap<String, Origin>,
    pub(crate) issues: Vec<Issue>,
    /// A source could not be read, so that missing keys mean nothing.
    pub(crate) is_incomplete: bool,
}

/// Merges layers, the weakest first. Tables merge key by key; anything else replaces what was there.
pub(crate) fn merge(mut layers: Vec<Layer>) -> Merged {
    let mut figment = Figment::new();
    let mut issues = Vec::new();
    for index in 0..layers.len() {
        let (below, rest) = layers.split_at_mut(index);
        let Some(layer) = rest.first_mut() else { break };
        issues.append(&mut layer.issues);
        if layer.tree.is_empty() {
            continue;
        }
        let merged =
            figment.data().ok().and_then(|mut data| data.remove(&Profile::Default)).unwrap_or_default();
        let tree = std::mem::take(&mut layer.tree);
        let tree = fit(layer, below, tree, &merged, &mut issues);
        figment = figment.merge(Merging { index, tree });
    }
    let mut merged = Merged {
        root: Value::Null,
        origins: BTreeMap::new(),
        issues,
        is_incomplete: layers.iter().any(|layer| layer.is_incomplete),
    };
    let data = figment.data().ok().and_then(|mut data| data.remove(&Profile::Default)).unwrap_or_default();
    let mut unifying = Unifying { figment: &figment, layers: &layers, origins: &mut merged.origins };
    merged.root = Value::Table(unifying.table("", data));
    merged
}

/// Makes the keys of a layer agree with those below it: a source without case takes over the spelling that is there, indexes
/// go into the list that is there. A file that spells a key differently is an error.
fn fit(layer: &mut Layer, below: &[Layer], tree: Dict, merged: &Dict, issues: &mut Vec<Issue>) -> Dict {
    let mut fitting = Fitting { layer, below, issues, renamed: BTreeMap::new() };
    let tree = fitting.table("", "", tree, merged);
    let renamed = std::mem::take(&mut fitting.renamed);
    for (from, to) in renamed {
        if let Some(origin) = layer.origins.remove(&from) {
            layer.origins.insert(to, origin);
        }
    }
    tree
}

struct Fitting<'f> {
    layer: &'f Layer,
    below: &'f [Layer],
    issues: &'f mut Vec<Issue>,
    renamed: BTreeMap<String, String>,
}

impl Fitting<'_> {
    fn table(&mut self, from: &str, to: &str, tree: Dict, merged: &Dict) -> Dict {
        let mut fitted = Dict::new();
        for (name, value) in tree {
            let from = below(from, &name);
            let name = self.spelling(&from, &name, to, merged).unwrap_or(name);
            let to = below(to, &name);
            if from != to {
                self.renamed.insert(from.clone(), to.clone());
            }
            let value = match (value, merged.get(&name)) {
                (Tree::Dict(tag, tree), Some(Tree::Dict(_, merged))) => {
                    Tree::Dict(tag, self.table(&from, &to, tree, merged))
                }
                (Tree::Dict(tag, tree), Some(Tree::Array(_, items))) if self.layer.is_text => {
                    self.list(&from, &to, (tag, tree), items)
                }
                (Tree::Dict(tag, tree), _) => Tree::Dict(tag, self.table(&from, &to, tree, &Dict::new())),
                (other, _) => other,
            };
            fitted.insert(name, value);
        }
        fitted
    }

    /// How the layers below spell this key, when that differs.
    fn spelling(&mut self, from: &str, name: &str, to: &str, merged: &Dict) -> Option<String> {
        if merged.contains_key(name) {
            return None;
        }
        let folded = key::folded(name);
        let other = merged.keys().find(|other| key::folded(other) == folded)?;
        if self.layer.is_text {
            return Some(other.clone());
        }
        if !other.eq_ignore_ascii_case(name) {
            return None; // `maxConnections` and `max_connections` may be two keys; the settings type decides
        }
        let elsewhere = self.below.iter().rev().find_map(|layer| layer.origins.get(&below(to, other)));
        let place = elsewhere.map(|origin| format!(" at {origin}")).unwrap_or_default();
        let message = format!("is spelled `{other}`{place}: two sources must agree in case");
        let issue = Issue::new(IssueKind::Conflict, from, message);
        self.issues.push(issue.with_origin(self.layer.origins.get(from).cloned()));
        None
    }

    /// Lays `hosts.0.name` over the list `hosts` of a layer below.
    fn list(
        &mut self,
        from: &str,
        to: &str,
        (tag, tree): (figment::value::Tag, Dict),
        items: &[Tree],
    ) -> Tree {
        let mut indexed = BTreeMap::new();
        for (name, value) in &tree {
            match name.parse::<usize>() {
                Ok(index) => indexed.insert(index, value.clone()),
                Err(_) => return Tree::Dict(tag, tree),
            };
        }
        let mut list = items.to_vec();
        for (index, value) in indexed {
            let at = index.to_string();
            let value = match (value, list.get(index)) {
                (Tree::Dict(tag, tree), Some(Tree::Dict(_, merged))) => {
                    let merged = merged.clone();
                    let tree = self.table(&below(from, &at), &below(to, &at), tree, &merged);
                    let mut whole = merged;
                    whole.extend(tree);
                    Tree::Dict(tag, whole)
                }
                (value, _) => value,
            };
            let length = list.len();
            match list.get_mut(index) {
                Some(item) => *item = value,
                None if index == length => list.push(value),
                None => {
                    let message = "leaves a gap in the list: indexes count from 0 without one";
                    let issue = Issue::new(IssueKind::Conflict, below(to, &at), message);
                    let origin =
                        self.layer.origins.iter().find(|(key, _)| key.starts_with(&below(from, &at)));
                    self.issues.push(issue.with_origin(origin.map(|(_, origin)| origin.clone())));
                }
            }
        }
        Tree::Array(tag, list)
    }
}

fn below(at: &str, segment: &str) -> String {
    let mut key = at.to_owned();
    key::push(&mut key, segment);
    key
}

/// A layer on its way into figment; the metadata carries its number.
struct Merging {
    index: usize,
    tree: Dict,
}

impl Provider for Merging {
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
    layers: &'u [Layer],
    origins: &'u mut BTreeMap<String, Origin>,
}

impl Unifying<'_> {
    fn table(&mut self, at: &str, tree: Dict) -> Table {
        tree.into_iter()
            .map(|(name, value)| {
                let value = self.value(&below(at, &name), value);
                (name, value)
            })
            .collect()
    }

    fn value(&mut self, at: &str, tree: Tree) -> Value {
        let origin = self.origin(at, &tree);
        let is_text = origin.as_ref().is_some_and(Origin::is_text);
        if let Some(origin) = origin {
            self.origins.insert(at.to_owned(), origin);
        }
        match tree {
            Tree::String(_, text) if is_text => Value::Text(text),
            Tree::String(_, text) => Value::String(text),
            Tree::Char(_, c) => Value::String(c.to_string()),
            Tree::Bool(_, value) => Value::Bool(value),
            Tree::Num(_, number) => self::number(number),
            Tree::Empty(..) => Value::Null,
            Tree::Dict(_, tree) => Value::Table(self.table(at, tree)),
            Tree::Array(_, items) => Value::List(
                items
                    .into_iter()
                    .enumerate()
                    .map(|(index, item)| self.value(&below(at, &index.to_string()), item))
                    .collect(),
            ),
        }
    }

    /// The place in the layer that figment names; an item that was carried over from a layer below is found there.
    fn origin(&self, at: &str, tree: &Tree) -> Option<Origin> {
        let metadata = self.figment.get_metadata(tree.tag());
        let index = metadata.and_then(|metadata| metadata.source.as_ref()?.custom()?.parse::<usize>().ok());
        let up_to = index.and_then(|index| self.layers.get(..=index)).unwrap_or(self.layers);
        up_to.iter().rev().find_map(|layer| layer.origins.get(at)).cloned()
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
