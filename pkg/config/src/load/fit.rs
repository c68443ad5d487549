//! Makes the keys of a layer agree with those of the layers below it.
//!
//! A source without case takes over the spelling that is there, and its indexes go into the list that is there. A file that
//! spells a key in another case than a file below it is an error: one of the two would silently count for nothing.

use std::cell::OnceCell;
use std::collections::HashMap;

use figment::value::{Dict, Tag, Value as Tree};

use crate::load::key;
use crate::load::layer::Layer;
use crate::load::path::KeyPath;
use crate::{Issue, IssueKind, Origin};

/// Fits a layer to those below it, the weakest first.
pub(crate) fn fit(layer: &mut Layer, below: &[Layer], issues: &mut Vec<Issue>) {
    let mut tree = std::mem::take(&mut layer.tree);
    let level: Level<'_> =
        below.iter().rev().map(|layer| &layer.tree).filter(|tree| !tree.is_empty()).collect();
    let mut fitting = Fitting { layer, below, issues, renamed: Vec::new() };
    fitting.table(KeyPath::Root, KeyPath::Root, &mut tree, &level);
    let renamed = fitting.renamed;
    for (from, to) in renamed {
        if let Some(origin) = layer.origins.remove(&from) {
            layer.origins.insert(to, origin);
        }
    }
    layer.tree = tree;
}

/// The tables of the layers below at one place, the strongest first.
type Level<'l> = Vec<&'l Dict>;

struct Fitting<'f> {
    layer: &'f Layer,
    below: &'f [Layer],
    issues: &'f mut Vec<Issue>,
    renamed: Vec<(String, String)>,
}

impl Fitting<'_> {
    /// `from` is the place as the layer spells it, `to` as the layers below do.
    fn table(&mut self, from: KeyPath<'_>, to: KeyPath<'_>, tree: &mut Dict, level: &Level<'_>) {
        let mut respelled = Vec::new();
        let spellings = Spellings::default();
        for (name, value) in &mut *tree {
            let from = KeyPath::Key(&from, name);
            let spelling = self.spelling(from, name, to, level, &spellings);
            let to = KeyPath::Key(&to, spelling.unwrap_or(name));
            if spelling.is_some() || !self.renamed.is_empty() {
                self.rename(from, to);
            }
            let known = spelling.unwrap_or(name);
            self.value(from, to, value, level, known);
            respelled.extend(spelling.map(|spelling| (name.clone(), spelling.to_owned())));
        }
        for (name, spelling) in respelled {
            let Some(value) = tree.remove(&name) else { continue };
            if tree.insert(spelling, value).is_some() {
                let from = KeyPath::Key(&from, &name).to_key();
                let origin = self.layer.origins.get(&from).cloned();
                let message = "is set twice: another name of the same source means the same key";
                self.issues.push(Issue::new(IssueKind::Conflict, from, message).with_origin(origin));
            }
        }
    }

    fn value(
        &mut self,
        from: KeyPath<'_>,
        to: KeyPath<'_>,
        value: &mut Tree,
        level: &Level<'_>,
        known: &str,
    ) {
        let Tree::Dict(tag, tree) = value else { return };
        match level.iter().find_map(|table| table.get(known)) {
            Some(Tree::Array(_, items)) if self.layer.is_text => {
                if let Some(list) = self.list(from, to, *tag, tree, items) {
                    *value = list;
                }
            }
            _ => self.table(from, to, tree, &descend(level, known)),
        }
    }

    fn rename(&mut self, from: KeyPath<'_>, to: KeyPath<'_>) {
        let (from, to) = (from.to_key(), to.to_key());
        if from != to {
            self.renamed.push((from, to));
        }
    }

    /// How the layers below spell this key, when that differs.
    fn spelling<'l>(
        &mut self,
        from: KeyPath<'_>,
        name: &str,
        to: KeyPath<'_>,
        level: &Level<'l>,
        spellings: &Spellings<'l>,
    ) -> Option<&'l str> {
        if level.iter().any(|table| table.contains_key(name)) {
            return None;
        }
        let other = spellings.of(name, level)?;
        if self.layer.is_text {
            return Some(other);
        }
        // `maxConnections` and `max_connections` may be two keys: the settings type decides.
        if other.to_lowercase() == name.to_lowercase() {
            let elsewhere = KeyPath::Key(&to, other).to_key();
            let elsewhere = self.below.iter().rev().find_map(|layer| layer.origins.get(&elsewhere));
            let place = elsewhere.map(|origin| format!(" at {origin}")).unwrap_or_default();
            let message = format!("is spelled `{other}`{place}: two sources must agree in case");
            let from = from.to_key();
            let origin = self.layer.origins.get(&from).cloned();
            self.issues.push(Issue::new(IssueKind::Conflict, from, message).with_origin(origin));
        }
        None
    }

    /// Lays `hosts.0.name` over the list `hosts` of a layer below. `None` when the keys are no indexes.
    fn list(
        &mut self,
        from: KeyPath<'_>,
        to: KeyPath<'_>,
        tag: Tag,
        tree: &Dict,
        items: &[Tree],
    ) -> Option<Tree> {
        let mut indexed = Vec::with_capacity(tree.len());
        for (name, value) in tree {
            indexed.push((name.parse::<usize>().ok()?, value.clone()));
        }
        indexed.sort_by_key(|(index, _)| *index);
        let mut list = items.to_vec();
        for (index, mut value) in indexed {
            let (from, to) = (KeyPath::Index(&from, index), KeyPath::Index(&to, index));
            if let (Tree::Dict(_, over), Some(Tree::Dict(_, under))) = (&mut value, list.get(index)) {
                self.table(from, to, over, &vec![under]);
                lay_over(under, over);
            }
            let length = list.len();
            match list.get_mut(index) {
                Some(item) => *item = value,
                None if index == length => list.push(value),
                None => self.gap(from, to, &value),
            }
        }
        Some(Tree::Array(tag, list))
    }

    fn gap(&mut self, from: KeyPath<'_>, to: KeyPath<'_>, value: &Tree) {
        let origin = self.origin_within(from.to_key(), value);
        let message = "leaves a gap in the list: indexes count from 0 without one";
        let issue = Issue::new(IssueKind::Conflict, to.to_key(), message);
        self.issues.push(issue.with_origin(origin));
    }

    /// The origin of a value, or of the first value inside of it.
    fn origin_within(&self, mut key: String, value: &Tree) -> Option<Origin> {
        if let Some(origin) = self.layer.origins.get(&key) {
            return Some(origin.clone());
        }
        let Tree::Dict(_, tree) = value else { return None };
        let (name, value) = tree.iter().next()?;
        key::push(&mut key, name);
        self.origin_within(key, value)
    }
}

/// The names of the layers below at one place, by what their spellings have in common; made when it is needed.
#[derive(Default)]
struct Spellings<'l>(OnceCell<HashMap<String, &'l str>>);

impl<'l> Spellings<'l> {
    /// How the strongest layer that has the name spells it.
    fn of(&self, name: &str, level: &Level<'l>) -> Option<&'l str> {
        let index = || {
            let weakest_first = level.iter().rev().flat_map(|table| table.keys().rev());
            weakest_first.map(|name| (key::folded(name), name.as_str())).collect()
        };
        self.0.get_or_init(index).get(&key::folded(name)).copied()
    }
}

/// The tables one level deeper. What lies below something that is no table has been replaced by it.
fn descend<'l>(level: &Level<'l>, name: &str) -> Level<'l> {
    let mut deeper = Vec::with_capacity(level.len());
    for value in level.iter().filter_map(|table| table.get(name)) {
        match value {
            Tree::Dict(_, table) => deeper.push(table),
            _ => break,
        }
    }
    deeper
}

/// Adds to `over` what only `under` has, table by table.
fn lay_over(under: &Dict, over: &mut Dict) {
    for (name, below) in under {
        match (over.get_mut(name), below) {
            (Some(Tree::Dict(_, over)), Tree::Dict(_, under)) => lay_over(under, over),
            (Some(_), _) => {}
            (None, below) => drop(over.insert(name.clone(), below.clone())),
        }
    }
}
