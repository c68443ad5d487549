//! One key of a reference.

use serde_json::Value as Json;

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
