//! The content of one source: a tree of values, the origin of each key, and the problems of the source.

use std::collections::HashMap;

use figment::value::{Dict, Value as Tree};

use crate::load::key;
use crate::{Issue, IssueKind, Origin};

/// The content of one source. Figment merges the trees; the origins say where each key stands in its source.
#[derive(Default)]
pub(crate) struct Layer {
    pub(crate) tree: Dict,
    pub(crate) origins: HashMap<String, Origin>,
    pub(crate) issues: Vec<Issue>,
    /// Problems that do not concern the program: they fail no load.
    pub(crate) warnings: Vec<Issue>,
    /// The source knows text only.
    pub(crate) is_text: bool,
    /// A part of the source could not be read, so that missing keys mean nothing.
    pub(crate) is_incomplete: bool,
}

impl Layer {
    pub(crate) fn text() -> Self {
        Self { is_text: true, ..Self::default() }
    }

    /// A source that could not be read or understood.
    pub(crate) fn broken(issues: Vec<Issue>) -> Self {
        Self { issues, is_incomplete: true, ..Self::default() }
    }

    /// Puts untyped text at a path.
    pub(crate) fn set_text(&mut self, path: &[String], text: &str, origin: Origin) {
        let key = key::join(path);
        if path.len() > key::MAX_SEGMENTS {
            self.issues.push(Issue::new(IssueKind::Syntax, key, key::TOO_DEEP).with_origin(Some(origin)));
            return;
        }
        if let Some(earlier) = self.origins.get(&key) {
            let message = format!("is set twice: also by {earlier}");
            self.issues.push(Issue::new(IssueKind::Conflict, key, message).with_origin(Some(origin)));
            return;
        }
        if !insert(&mut self.tree, path, Tree::from(text)) {
            let message = "is set as a whole and in part by the same kind of source: remove one";
            self.issues.push(Issue::new(IssueKind::Conflict, key, message).with_origin(Some(origin)));
            return;
        }
        self.origins.insert(key, origin);
    }
}

/// False when a value stands where a table is needed, or the other way round.
fn insert(tree: &mut Dict, path: &[String], value: Tree) -> bool {
    match path {
        [] => false,
        [last] => {
            let free = !tree.contains_key(last);
            if free {
                tree.insert(last.clone(), value);
            }
            free
        }
        [first, rest @ ..] => {
            let below = tree.entry(first.clone()).or_insert_with(|| Tree::from(Dict::new()));
            match below {
                Tree::Dict(_, below) => insert(below, rest, value),
                _ => false,
            }
        }
    }
}
