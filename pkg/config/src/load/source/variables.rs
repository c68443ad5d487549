//! Environment variables, of the process or of a `.env` file.

use std::collections::{BTreeMap, BTreeSet};

use crate::load::key;
use crate::load::layer::Layer;
use crate::{Issue, IssueKind, Origin};

/// Which variables belong to the program, and which key each one sets.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// `APP_`, compared with its case: `app_port` is a variable of another program.
    prefix: String,
    /// Variables without the prefix, such as `DATABASE_URL`.
    bound: BTreeMap<String, Vec<String>>,
    /// Variables that carry the prefix and are not configuration.
    ignored: BTreeSet<String>,
}

impl Names {
    pub(crate) fn new(prefix: &str) -> Self {
        let prefix = prefix.trim_end_matches('_');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}_") };
        Self { prefix, bound: BTreeMap::new(), ignored: BTreeSet::new() }
    }

    pub(crate) fn bind(&mut self, key: &str, variable: &str) {
        self.bound.insert(variable.to_owned(), key::segments(key).map(str::to_owned).collect());
    }

    pub(crate) fn ignore(&mut self, variable: &str) {
        self.ignored.insert(variable.to_owned());
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether a variable sets a key or selects the profile.
    pub(crate) fn reads(&self, variable: &str) -> bool {
        let is_ours = !self.prefix.is_empty() && variable.starts_with(&self.prefix);
        self.bound.contains_key(variable) || (is_ours && !self.ignored.contains(variable))
    }

    /// The variable that selects the profile.
    pub(crate) fn profile(&self) -> String {
        format!("{}PROFILE", self.prefix)
    }

    /// The variables that set the key at `path`, the usual one first.
    pub(crate) fn of<S: AsRef<str>>(&self, path: &[S]) -> Vec<String> {
        let same = |bound: &&Vec<String>| bound.iter().map(String::as_str).eq(path.iter().map(AsRef::as_ref));
        let bound = self.bound.iter().filter(|(_, to)| same(to)).map(|(name, _)| name.clone());
        key::variable(&self.prefix, path).into_iter().chain(bound).collect()
    }

    /// The layer of a set of variables. A variable with the prefix wins over a bound one of the same set.
    pub(crate) fn layer<'v>(&self, variables: impl IntoIterator<Item = (&'v str, &'v str, Origin)>) -> Layer {
        let mut layer = Layer::text();
        let mut bound: Vec<(&Vec<String>, &str, Origin)> = Vec::new();
        let mut profile: Option<Origin> = None;
        for (name, text, origin) in variables {
            if let Some(path) = self.bound.get(name) {
                bound.push((path, text, origin));
                continue;
            }
            let Some(rest) = name.strip_prefix(&self.prefix).filter(|_| self.reads(name)) else { continue };
            if name == self.profile() {
                if let Some(earlier) = profile.replace(origin.clone()) {
                    let message = format!("the profile is selected twice: also by {earlier}");
                    layer.issues.push(Issue::new(IssueKind::Conflict, "", message).with_origin(Some(origin)));
                }
                continue;
            }
            if rest.is_empty() {
                continue;
            }
            let Some(path) = key::path_of_variable(rest) else {
                let message = "has a name with an empty part: two underscores separate the parts of a key";
                layer.issues.push(Issue::new(IssueKind::Syntax, "", message).with_origin(Some(origin)));
                continue;
            };
            let key = key::join(&path);
            if let Some(earlier) =
                layer.origins.get(&key).and_then(Origin::variable).filter(|earlier| *earlier != name)
            {
                let message = format!("is set by two variables that differ in case only: also by {earlier}");
                layer.issues.push(Issue::new(IssueKind::Conflict, key, message).with_origin(Some(origin)));
                continue;
            }
            layer.set_text(&path, text, origin);
        }
        Self::add_bound(&mut layer, bound);
        layer
    }
}

impl Names {
    /// A bound variable gives way to the one with the prefix. Twice the same one, or two that differ, are an error.
    fn add_bound(layer: &mut Layer, bound: Vec<(&Vec<String>, &str, Origin)>) {
        let mut texts: BTreeMap<String, &str> = BTreeMap::new();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for (path, text, origin) in bound {
            let key = key::join(path);
            let is_repeated = origin.variable().is_some_and(|variable| !seen.insert(variable.to_owned()));
            if is_repeated || texts.get(&key).is_some_and(|earlier| *earlier != text) {
                let earlier = layer.origins.get(&key).map(|earlier| format!(": also by {earlier}"));
                let message = format!("is set twice{}", earlier.unwrap_or_default());
                layer.issues.push(Issue::new(IssueKind::Conflict, key, message).with_origin(Some(origin)));
            } else if !layer.origins.contains_key(&key) {
                layer.set_text(path, text, origin);
                texts.insert(key, text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layer(names: &Names, variables: &[(&str, &str)]) -> Layer {
        names.layer(
            variables
                .iter()
                .map(|(name, text)| (*name, *text, Origin::Environment { variable: (*name).into() })),
        )
    }

    #[test]
    fn the_prefix_is_compared_with_its_case() {
        let layer =
            layer(&Names::new("APP"), &[("APP_PORT", "1"), ("app_host", "x"), ("APPLE", "y"), ("APP_", "z")]);
        assert_eq!(layer.origins.keys().collect::<Vec<_>>(), ["port"]);
        assert!(layer.issues.is_empty());
    }

    #[test]
    fn two_variables_that_differ_in_case_only_are_an_error() {
        let layer = layer(&Names::new("APP"), &[("APP_PORT", "1"), ("APP_Port", "2")]);
        assert_eq!(layer.issues.iter().map(Issue::kind).collect::<Vec<_>>(), [IssueKind::Conflict]);
        assert!(layer.issues[0].to_string().contains("APP_PORT"), "{}", layer.issues[0]);
    }

    #[test]
    fn the_whole_and_a_part_of_it_are_an_error() {
        for order in [["APP_DB", "APP_DB__URL"], ["APP_DB__URL", "APP_DB"]] {
            let layer = layer(&Names::new("APP"), &order.map(|name| (name, "x")));
            assert_eq!(layer.issues.len(), 1, "{order:?}");
        }
    }

    #[test]
    fn a_bound_variable_gives_way_to_the_prefixed_one() {
        let mut names = Names::new("APP_");
        names.bind("database.url", "DATABASE_URL");
        let both = layer(&names, &[("APP_DATABASE__URL", "a"), ("DATABASE_URL", "b")]);
        assert_eq!(both.origins["database.url"].variable(), Some("APP_DATABASE__URL"));
        let alone = layer(&names, &[("DATABASE_URL", "b")]);
        assert_eq!(alone.origins["database.url"].variable(), Some("DATABASE_URL"));
        assert_eq!(names.of(&["database", "url"]), ["APP_DATABASE__URL", "DATABASE_URL"]);
    }

    #[test]
    fn a_variable_that_is_set_twice_is_an_error() {
        let mut names = Names::new("APP");
        names.bind("url", "DATABASE_URL");
        names.bind("url", "DB_URL");
        for twice in
            [["APP_URL", "APP_URL"], ["DATABASE_URL", "DATABASE_URL"], ["APP_PROFILE", "APP_PROFILE"]]
        {
            let layer = layer(&names, &twice.map(|name| (name, "x")));
            assert_eq!(
                layer.issues.iter().map(Issue::kind).collect::<Vec<_>>(),
                [IssueKind::Conflict],
                "{twice:?}"
            );
        }
        let issues = |one, other| layer(&names, &[("DATABASE_URL", one), ("DB_URL", other)]).issues.len();
        assert_eq!((issues("a", "a"), issues("a", "b")), (0, 1));
    }

    proptest! {
        #[test]
        fn no_name_panics(name in "APP_(\\PC*|[A-Z_]{0,12})", text in "\\PC*") {
            drop(layer(&Names::new("APP"), &[(name.as_str(), text.as_str())]));
        }
    }
}
