//! The reference as Markdown, as a TOML template and as a `.env` template.

use serde_json::Value as Json;

use super::entry::Entry;
use super::reference::Reference;

impl Reference {
    /// A table of keys, variables, types, defaults and meanings.
    pub fn markdown(&self) -> String {
        let mut text = "| Key | Variable | Type | Default | Meaning |\n|---|---|---|---|---|\n".to_owned();
        for entry in self.entries.iter().filter(|entry| !entry.is_table) {
            let variables =
                entry.variables.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let default = match (&entry.default, entry.required) {
                (Some(default), _) => format!("`{default}`"),
                (None, true) => "required".to_owned(),
                (None, false) => String::new(),
            };
            let cells =
                [format!("`{}`", entry.key), variables, entry.kind.clone(), default, entry.docs.clone()];
            for cell in cells {
                let cell = cell.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
                text.push_str("| ");
                text.push_str(&cell);
                text.push_str(if cell.is_empty() { "" } else { " " });
            }
            text.push_str("|\n");
        }
        text
    }

    /// A configuration file in which every key is commented out and shows its default; `...` stands where there is none.
    pub fn toml(&self) -> String {
        let mut text = String::new();
        self.table(&mut text, &[]);
        text
    }

    /// The keys of one table, then the tables below it: in TOML a key after a header belongs to that header.
    fn table(&self, text: &mut String, above: &[String]) {
        let below = |entry: &&Entry| entry.path.split_last().is_some_and(|(_, parent)| parent == above);
        let (tables, keys): (Vec<&Entry>, Vec<&Entry>) =
            self.entries.iter().filter(below).partition(|entry| entry.is_table);
        for entry in keys {
            comment(text, entry);
            let name = entry.path.last().map(|name| toml_key(name)).unwrap_or_default();
            let value = entry.default.as_ref().map_or_else(|| "...".to_owned(), toml_value);
            text.push_str(&format!("#{name} = {value}\n"));
        }
        for entry in tables {
            let mut inside = entry.path.clone();
            let is_list = self.entries.iter().any(|other| {
                other.path.len() == entry.path.len() + 2
                    && other.path.starts_with(&entry.path)
                    && other.path.get(entry.path.len()).is_some_and(|segment| segment == "<n>")
            });
            let placeholder = entry.path.iter().any(|segment| segment.starts_with('<'));
            let mark = if entry.is_optional_table || placeholder { "#" } else { "" };
            let names = entry.path.iter().filter(|segment| *segment != "<n>").map(|name| toml_key(name));
            let name = names.collect::<Vec<_>>().join(".");
            text.push('\n');
            comment(text, entry);
            if is_list {
                inside.push("<n>".to_owned());
                text.push_str(&format!("#[[{name}]]\n"));
            } else {
                text.push_str(&format!("{mark}[{name}]\n"));
            }
            self.table(text, &inside);
        }
        self.variants(text, above);
    }

    /// Keys below an enum: the variants that hold something.
    fn variants(&self, text: &mut String, above: &[String]) {
        let below = |entry: &&Entry| entry.path.split_last().is_some_and(|(_, parent)| parent == above);
        for entry in self.entries.iter().filter(below).filter(|entry| !entry.is_table) {
            let content: Vec<&Entry> =
                self.entries.iter().filter(|other| other.path.starts_with(&entry.path)).collect();
            if content.len() > 1 {
                text.push_str(&format!("\n# instead of `{}` above:\n", entry.key));
                if content.iter().any(|other| !other.is_table && other.path.len() == entry.path.len() + 1) {
                    let name = entry.path.iter().map(|name| toml_key(name)).collect::<Vec<_>>().join(".");
                    text.push_str(&format!("#[{name}]\n"));
                }
                self.table(text, &entry.path);
            }
        }
    }

    /// A `.env` file in which every variable is commented out and shows its default.
    pub fn dotenv(&self) -> String {
        let mut text = String::new();
        for entry in self.entries.iter().filter(|entry| !entry.is_table) {
            let Some(variable) = entry.variables.last() else { continue };
            if variable.contains('<') {
                continue;
            }
            if !text.is_empty() {
                text.push('\n');
            }
            comment(&mut text, entry);
            let value = entry.default.as_ref().map(dotenv_value).unwrap_or_default();
            text.push_str(&format!("#{variable}={value}\n"));
        }
        text
    }
}

fn comment(text: &mut String, entry: &Entry) {
    for line in entry.docs.lines() {
        text.push_str(format!("# {line}").trim_end());
        text.push('\n');
    }
    if !entry.is_table {
        let required = if entry.required { ", required" } else { "" };
        if entry.default.is_none() || entry.docs.is_empty() {
            text.push_str(&format!("# ({}{required})\n", entry.kind));
        }
    }
}

fn toml_key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if bare { name.to_owned() } else { Json::from(name).to_string() }
}

/// JSON and TOML agree on scalars and lists of them; a table is written inline.
fn toml_value(value: &Json) -> String {
    match value {
        Json::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            let members = members.map(|(name, value)| format!("{} = {}", toml_key(name), toml_value(value)));
            let members: Vec<String> = members.collect();
            if members.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", members.join(", ")) }
        }
        Json::Array(items) => format!("[{}]", items.iter().map(toml_value).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn dotenv_value(value: &Json) -> String {
    match value {
        Json::String(text) if text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.,:/@+".contains(c)) => {
            text.clone()
        }
        Json::String(text) if !text.contains('\'') => format!("'{text}'"),
        Json::Array(_) | Json::Object(_) => format!("'{value}'"),
        other => other.to_string(),
    }
}
