//! Writes what the decoder found as issues: the key, the variable, the place, and never a value.

use std::collections::HashSet;

use crate::load::decode::{Outcome, Problem, leaf_name, leaks};
use crate::load::key;
use crate::{Checks, Config, FailedCheck, Issue, IssueKind, Origin, Value};

/// So many unknown keys get a suggestion.
const MAX_SUGGESTIONS: usize = 100;
/// A longer name is no typing mistake.
const LONGEST_NAME: usize = 64;

/// Writes issues about a tree.
pub(crate) struct Reporting<'r, C: ?Sized> {
    pub(crate) root: &'r Value,
    /// The key of the root within the configuration.
    pub(crate) above: &'r str,
    pub(crate) config: &'r C,
    /// A source could not be read: a key that looks missing may be in it.
    pub(crate) hides_missing: bool,
}

/// A place as it may be shown, and the key that was set there.
struct Spot<'p> {
    shown: &'p [String],
    source: &'p [String],
}

impl<C: Config + ?Sized> Reporting<'_, C> {
    pub(crate) fn outcome<T>(&self, outcome: &Outcome<T>) -> Vec<Issue> {
        let problems = outcome.problems.iter().filter_map(|(path, problem)| match problem {
            Problem::Missing(_) if self.hides_missing => None,
            Problem::Missing(_) => Some(self.missing(path)),
            Problem::Shape(message) => Some(self.issue(IssueKind::WrongType, path, message.clone())),
            Problem::Unknown(fields) => Some(self.unknown(path, fields, true)),
            Problem::Foreign { message, target } => {
                let mut above = (0..=path.len()).filter_map(|length| path.get(..length));
                let secret = above.any(|above| outcome.secrets.contains(&key::join(above)));
                Some(self.issue(IssueKind::WrongType, path, self.foreign(path, message, target, secret)))
            }
        });
        let unknown = outcome.unknown.iter().enumerate();
        let unknown =
            unknown.map(|(index, (path, fields))| self.unknown(path, fields, index < MAX_SUGGESTIONS));
        let mut issues: Vec<Issue> = problems.chain(unknown).collect();
        if outcome.is_cut_short {
            let message =
                "there may be more problems: the configuration is too large to find all of them at once";
            issues.push(Issue::new(IssueKind::Invalid, "", message));
        }
        issues
    }

    /// Failed checks, without those that only fail because a placeholder stands in for a value that has a problem itself:
    /// `high` holds what fails with the largest placeholders.
    pub(crate) fn checks(
        &self,
        failed: &[FailedCheck],
        high: Option<&Checks>,
        problems: &[(Vec<String>, Problem)],
    ) -> Vec<Issue> {
        let problems: HashSet<String> = problems.iter().map(|(path, _)| key::join(path)).collect();
        let high: Option<HashSet<&FailedCheck>> = high.map(|high| high.failures().iter().collect());
        let certain = |failure: &&FailedCheck| {
            let path: Vec<&str> = key::segments(failure.key()).collect();
            let mut above = (0..=path.len()).filter_map(|length| path.get(..length));
            let own = problems.is_empty() || !above.any(|above| problems.contains(&key::join(above)));
            own && high.as_ref().is_none_or(|high| high.contains(failure))
        };
        failed
            .iter()
            .filter(certain)
            .map(|failure| {
                let path: Vec<String> = key::segments(failure.key()).map(str::to_owned).collect();
                self.issue(IssueKind::Invalid, &path, failure.message())
            })
            .collect()
    }

    fn issue(&self, kind: IssueKind, path: &[String], message: impl Into<String>) -> Issue {
        let Spot { shown, source } = self.spot(path);
        let source = self.key(source);
        let origin = self.config.origin(&source);
        let variables = self.config.variables(&source);
        Issue::new(kind, self.key(shown), message).with_origin(origin).set_by(variables)
    }

    /// What may be shown of a path. Keys inside of a text (JSON, `a=1,b=2`) are a part of the value: only its indexes are shown.
    fn spot<'p>(&self, path: &'p [String]) -> Spot<'p> {
        let mut value = Some(self.root);
        for (depth, segment) in path.iter().enumerate() {
            if matches!(value, Some(Value::Text(_))) {
                let (source, inside) = path.split_at(depth);
                let indexes = inside.iter().take_while(|segment| segment.parse::<usize>().is_ok()).count();
                return Spot { shown: path.get(..depth + indexes).unwrap_or(source), source };
            }
            value = value.and_then(|value| value.child(segment));
        }
        Spot { shown: path, source: path }
    }

    /// A missing key has no origin; the table around it has.
    fn missing(&self, path: &[String]) -> Issue {
        let (field, table) = path.split_last().map_or(("", path), |(field, table)| (field.as_str(), table));
        if self.spot(path).source.len() < path.len() {
            return self.issue(IssueKind::Missing, table, format!("lacks `{field}`")); // the name is the type's own
        }
        let key = self.key(path);
        let parent = path.split_last().map(|(_, parent)| self.key(parent)).unwrap_or_default();
        let around = self.config.origin(&parent).filter(|origin| matches!(origin, Origin::File { .. }));
        let variables = self.config.variables(&key);
        Issue::new(IssueKind::Missing, key, "is missing").with_origin(around).set_by(variables)
    }

    fn unknown(&self, path: &[String], fields: &[&str], suggests: bool) -> Issue {
        if self.spot(path).source.len() < path.len() {
            let known = fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ");
            return self.issue(IssueKind::Unknown, path, format!("holds an unknown key; known are {known}"));
        }
        let name = path.last().map(String::as_str).unwrap_or_default();
        let meant = if suggests && name.len() <= LONGEST_NAME { nearest(name, fields) } else { None };
        let message = match meant {
            Some(field) => format!("is no known key; did you mean `{field}`?"),
            None => "is no known key".to_owned(),
        };
        let key = self.key(path);
        let origin = self.origin_below(path);
        let variables = self.config.variables(&key);
        Issue::new(IssueKind::Unknown, key, message).with_origin(origin).set_by(variables)
    }

    /// The origin of a key, or of the first key below it: a table made of variables has no origin itself.
    fn origin_below(&self, path: &[String]) -> Option<Origin> {
        if let Some(origin) = self.config.origin(&self.key(path)) {
            return Some(origin);
        }
        let below = |child: String| {
            let mut path = path.to_vec();
            path.push(child);
            self.origin_below(&path)
        };
        match self.root.at_path(path)? {
            Value::Table(table) => table.keys().cloned().find_map(below),
            Value::List(items) => (0..items.len()).map(|index| index.to_string()).find_map(below),
            _ => None,
        }
    }

    /// The words of the receiving type where they are safe to print, and its name otherwise.
    fn foreign(&self, path: &[String], message: &str, target: &'static str, is_secret: bool) -> String {
        let value = self.root.at_path(self.spot(path).source);
        let one_line = message.lines().next().unwrap_or_default();
        if !is_secret && !one_line.is_empty() && value.is_some_and(|value| !leaks(one_line, value)) {
            return format!("is refused: {one_line}");
        }
        match leaf_name(target) {
            Some(name) => format!("is no valid `{name}`"),
            None => "is refused by the type that receives it".to_owned(),
        }
    }

    fn key(&self, path: &[String]) -> String {
        let mut key = self.above.to_owned();
        path.iter().for_each(|segment| key::push(&mut key, segment));
        key
    }
}

/// The field that is probably meant.
fn nearest<'f>(name: &str, fields: &[&'f str]) -> Option<&'f str> {
    const ALIKE: f64 = 0.75;
    let folded = key::folded(name);
    let alike = fields.iter().map(|field| (strsim::jaro_winkler(&folded, &key::folded(field)), *field));
    alike.filter(|(score, _)| *score >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, field)| field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_was_meant_and_nothing_far_off() {
        let fields = ["max_connections", "url", "timeout"];
        assert_eq!(nearest("max_conections", &fields), Some("max_connections"));
        assert_eq!(nearest("maxconnections", &fields), Some("max_connections"));
        assert_eq!(nearest("timeuot", &fields), Some("timeout"));
        assert_eq!(nearest("zzz", &fields), None);
    }
}
