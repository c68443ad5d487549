//! Which values may hold a secret although no [`Secret`](crate::Secret) was seen there.

use std::collections::BTreeSet;

use super::error::Problem;
use crate::Value;
use crate::load::key;

/// Values that the passes read in another way than by their type.
#[derive(Default)]
pub(super) struct Seen {
    /// Scalars for which a list, a table or an enum was asked.
    pub(super) split: BTreeSet<Vec<String>>,
    /// Values that were asked for without a type.
    pub(super) buffered: BTreeSet<Vec<String>>,
}

impl Seen {
    /// The keys of what was not decoded: text with a problem inside, tables, lists and buffered values with a problem, and keys that
    /// the type does not have.
    pub(super) fn doubtful(
        &self,
        root: &Value,
        problems: &[(Vec<String>, Problem)],
        unknown: &[(Vec<String>, &[&str])],
    ) -> BTreeSet<String> {
        let mut doubtful: BTreeSet<String> = unknown.iter().map(|(path, _)| key::join(path)).collect();
        let is_table = |path: &[String]| matches!(root.at_path(path), Some(Value::Table(_) | Value::List(_)));
        let tables =
            problems.iter().filter(|(path, problem)| matches!(problem, Problem::Shape(_)) && is_table(path));
        doubtful.extend(tables.map(|(path, _)| key::join(path)));
        let paths = problems.iter().map(|(path, _)| path).chain(unknown.iter().map(|(path, _)| path));
        for path in paths {
            let above = (0..=path.len()).filter_map(|length| path.get(..length));
            let is_text = |at: &&[String]| {
                let inside = at.len() < path.len() && matches!(root.at_path(at), Some(Value::Text(_)));
                inside || self.split.contains(*at)
            };
            doubtful.extend(above.filter(is_text).map(key::join));
            let below = self.buffered.range(path.clone()..).take_while(|at| at.starts_with(path));
            doubtful.extend(below.map(|at| key::join(at)));
        }
        doubtful
    }
}
