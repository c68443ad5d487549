//! The reference itself.

use schemars::JsonSchema;
use serde_json::Value as Json;

use super::{docs, walk};
use crate::load::source::variables::Names;
use crate::{Loader, REDACTED};

/// Every key that a settings type has; made by [`Loader::reference`].
#[derive(Debug, Clone)]
pub struct Reference {
    pub(super) entries: Vec<Entry>,
    schema: Json,
}

/// One key of a settings type.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub(super) path: Vec<String>,
    pub(super) key: String,
    pub(super) variables: Vec<String>,
    pub(super) kind: String,
    pub(super) default: Option<Json>,
    pub(super) required: bool,
    pub(super) secret: bool,
    pub(super) is_table: bool,
    pub(super) is_optional_table: bool,
    pub(super) docs: String,
}

impl Loader {
    /// The reference of a settings type, with the variables of this loader.
    pub fn reference<T: JsonSchema>(&self) -> Reference {
        Reference::new(schemars::schema_for!(T).to_value(), &self.names)
    }
}

impl Reference {
    fn new(mut schema: Json, names: &Names) -> Self {
        docs::unlink(&mut schema);
        let entries = walk::entries(&schema, names);
        without_masks(&mut schema);
        Self { entries, schema }
    }

    /// The keys, a table before what it holds.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The JSON Schema of the configuration file, for editors. The default of a secret is left out.
    pub fn json_schema(&self) -> String {
        format!("{:#}\n", self.schema)
    }
}

impl Entry {
    /// The dotted key; `<n>` stands for an index and `<name>` for a key of a map.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The environment variables that set the key, the usual one first; none for a table.
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// The type in words: `integer, 0 to 65535`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Whether a configuration without this key is refused.
    pub const fn is_required(&self) -> bool {
        self.required
    }

    /// Whether the value is a [`Secret`](crate::Secret).
    pub const fn is_secret(&self) -> bool {
        self.secret
    }

    /// The documentation of the field, or of its type.
    pub fn docs(&self) -> &str {
        &self.docs
    }
}

/// A secret serializes as its mask, which is no default.
fn without_masks(schema: &mut Json) {
    match schema {
        Json::Object(object) => {
            object.retain(|_, value| value.as_str() != Some(REDACTED));
            object.values_mut().for_each(without_masks);
        }
        Json::Array(items) => {
            items.retain(|item| item.as_str() != Some(REDACTED));
            items.iter_mut().for_each(without_masks);
        }
        _ => {}
    }
}
