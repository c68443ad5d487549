//! Reads TOML files, with the line of every key.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use figment::value::{Dict, Value as Tree};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::depth;
use super::lines::Lines;
use super::text_file::{MAX_FILE, read_text, unreadable};
use crate::load::key;
use crate::load::layer::Layer;
use crate::{Issue, IssueKind, Origin};

/// Reads a TOML file. A file with a syntax error is not used at all: the meaning of the rest is not certain.
pub(crate) fn read(path: &Path) -> Layer {
    match read_text(path, MAX_FILE) {
        Ok(text) => parse(path, &text),
        Err(message) => Layer::broken(vec![unreadable(path, message)]),
    }
}

fn parse(path: &Path, text: &str) -> Layer {
    let lines = Lines::of(text);
    if let Some(offset) = depth::too_deep_at(text) {
        let issue = Issue::new(IssueKind::Syntax, "", key::TOO_DEEP);
        return Layer::broken(vec![issue.in_file(path, Some(lines.at(offset)))]);
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Layer::broken(errors.iter().map(|error| syntax(path, &lines, error)).collect());
    }
    let layer = Layer { origins: HashMap::with_capacity(lines.count()), ..Layer::default() };
    let mut reading = TomlReader { path: path.into(), lines, key: String::new(), layer };
    reading.layer.tree = reading.table(table.get_ref());
    reading.layer
}

/// The message of the parser is made of constants and of what it expected, never of what it found.
fn syntax(path: &Path, lines: &Lines, error: &toml::de::Error) -> Issue {
    let line = error.span().map(|span| lines.at(span.start));
    let message = format!("is not valid TOML: {}", error.message().replace('\n', " "));
    Issue::new(IssueKind::Syntax, "", message).in_file(path, line)
}

struct TomlReader {
    path: Arc<Path>,
    lines: Lines,
    /// The current key.
    key: String,
    layer: Layer,
}

impl TomlReader {
    fn table(&mut self, table: &DeTable<'_>) -> Dict {
        let mut tree = Dict::new();
        for (name, value) in table {
            tree.insert(name.get_ref().to_string(), self.below(name.get_ref(), name.span().start, value));
        }
        tree
    }

    fn below(&mut self, segment: &str, offset: usize, value: &Spanned<DeValue<'_>>) -> Tree {
        let length = self.key.len();
        key::push(&mut self.key, segment);
        let origin = Origin::File { path: Arc::clone(&self.path), line: self.lines.at(offset) };
        self.layer.origins.insert(self.key.clone(), origin);
        let tree = self.value(value);
        self.key.truncate(length);
        tree
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>) -> Tree {
        match value.get_ref() {
            DeValue::String(text) => Tree::from(text.as_ref()),
            DeValue::Integer(integer) => match i128::from_str_radix(integer.as_str(), integer.radix()) {
                Ok(integer) => Tree::from(integer),
                Err(_) => self.refuse("is an integer of more than 128 bits"),
            },
            DeValue::Float(float) => match float.as_str().parse::<f64>() {
                Ok(float) => Tree::from(float),
                Err(_) => self.refuse("is no floating-point number"),
            },
            DeValue::Boolean(value) => Tree::from(*value),
            DeValue::Datetime(moment) => Tree::from(moment.to_string()),
            DeValue::Array(items) => {
                let items = items.iter().enumerate();
                let list = items.map(|(index, item)| self.below(&index.to_string(), item.span().start, item));
                Tree::from(list.collect::<Vec<_>>())
            }
            DeValue::Table(table) => Tree::from(self.table(table)),
        }
    }

    fn refuse(&mut self, message: &str) -> Tree {
        let origin = self.layer.origins.get(&self.key).cloned();
        let issue = Issue::new(IssueKind::WrongType, self.key.clone(), message);
        self.layer.issues.push(issue.with_origin(origin));
        Tree::from(figment::value::Empty::None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_key_knows_its_line() {
        let layer = parse(
            Path::new("app.toml"),
            "# top\nname = \"x\"\n\n[server]\nports = [\n  1,\n  2,\n]\nhost.name = 'h'\n",
        );
        let line = |key: &str| layer.origins.get(key).map(ToString::to_string);
        assert_eq!(line("name").as_deref(), Some("app.toml:2"));
        assert_eq!(line("server").as_deref(), Some("app.toml:4"));
        assert_eq!(line("server.ports").as_deref(), Some("app.toml:5"));
        assert_eq!(line("server.ports.1").as_deref(), Some("app.toml:7"));
        assert_eq!(line("server.host.name").as_deref(), Some("app.toml:9"));
    }

    #[test]
    fn a_syntax_error_names_the_line_and_not_what_stands_there() {
        let text = "name = \"x\"\npassword = hunter2-marker\n";
        let layer = parse(Path::new("app.toml"), text);
        let shown = layer.issues.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(shown.starts_with("app.toml:2: is not valid TOML"), "{shown}");
        assert!(!shown.contains("hunter2") && !shown.contains("marker"), "{shown}");
        assert!(layer.tree.is_empty(), "nothing of a broken file is used");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*|[a-z=\\[\\]{}\"'\\n#., 0-9]{0,60}") {
            drop(parse(Path::new("app.toml"), &text));
        }

        #[test]
        fn no_syntax_error_shows_the_marker(before in "[a-z\\[\\]{}\"'=\\n ]{0,20}", after in "[a-z\\[\\]{}\"'=\\n ]{0,20}") {
            let text = format!("{before}k = MARKER8C1{after}");
            for issue in parse(Path::new("app.toml"), &text).issues {
                let shown = issue.to_string();
                prop_assert!(!shown.contains("MARKER8C1"), "{shown}");
            }
        }
    }
}
