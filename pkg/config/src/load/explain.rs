//! The explanation of a configuration: every key with its value and origin, secrets masked.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Bound;

use crate::load::key;
use crate::{Origin, REDACTED, Value};

/// Every key with its value and origin; made by [`Snapshot::explain`](crate::Snapshot::explain).
///
/// `Display` prints one line per key: ``server.port = 8080  # config.toml:3``.
#[derive(Debug, Clone)]
pub struct Explanation(Vec<Line>);

/// One key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    key: String,
    shown: String,
    origin: Option<Origin>,
}

impl Explanation {
    pub(crate) fn new(root: &Value, origins: &HashMap<String, Origin>, masked: &BTreeSet<String>) -> Self {
        let mut lines = Vec::new();
        walk(&mut lines, &Masking { origins, masked }, "", root, false);
        Self(lines)
    }

    /// The keys in order.
    pub fn lines(&self) -> &[Line] {
        &self.0
    }
}

impl Line {
    /// The dotted key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value, or `[redacted]`.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Where it came from.
    pub const fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { key, shown, origin } in &self.0 {
            match origin {
                Some(origin) => writeln!(f, "{key} = {shown}  # {origin}")?,
                None => writeln!(f, "{key} = {shown}")?,
            }
        }
        Ok(())
    }
}

struct Masking<'m> {
    origins: &'m HashMap<String, Origin>,
    masked: &'m BTreeSet<String>,
}

impl Masking<'_> {
    /// Whether a value inside of the text at `key` is masked: an item of a list, a member of JSON.
    fn is_inside(&self, key: &str) -> bool {
        let below = if key.is_empty() { String::new() } else { format!("{key}.") };
        let next = self.masked.range::<str, _>((Bound::Excluded(below.as_str()), Bound::Unbounded)).next();
        next.is_some_and(|masked| masked.starts_with(&below))
    }
}

fn walk(lines: &mut Vec<Line>, masking: &Masking<'_>, at: &str, value: &Value, above_is_secret: bool) {
    let origin = masking.origins.get(at);
    let name = key::segments(at).last().unwrap_or_default();
    let is_secret = above_is_secret
        || masking.masked.contains(at)
        || origin.is_some_and(Origin::is_secret_store)
        || sounds_secret(name);
    let mut child = |name: &str, value: &Value| {
        let mut key = at.to_owned();
        key::push(&mut key, name);
        walk(lines, masking, &key, value, is_secret);
    };
    match value {
        Value::Table(table) if !table.is_empty() => table.iter().for_each(|(name, value)| child(name, value)),
        Value::List(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(index, item)| child(&index.to_string(), item));
        }
        Value::Table(table) if at.is_empty() && table.is_empty() => {}
        leaf => {
            let shown = if is_secret || masking.is_inside(at) { REDACTED.to_owned() } else { show(leaf) };
            lines.push(Line { key: at.to_owned(), shown, origin: origin.cloned() });
        }
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "(nothing)".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::String(text) | Value::Text(text) if holds_credentials(text) => REDACTED.to_owned(),
        Value::String(text) | Value::Text(text) => format!("{text:?}"),
        Value::List(_) => "[]".to_owned(),
        Value::Table(_) => "{}".to_owned(),
    }
}

/// Names that usually hold secrets, independent of the type.
fn sounds_secret(name: &str) -> bool {
    const PARTS: [&str; 12] = [
        "password",
        "passwd",
        "passphrase",
        "pwd",
        "secret",
        "token",
        "credential",
        "apikey",
        "privatekey",
        "accesskey",
        "signingkey",
        "encryptionkey",
    ];
    const WHOLE: [&str; 6] = ["key", "pin", "salt", "auth", "dsn", "cookie"];
    let folded = key::folded(name);
    PARTS.iter().any(|part| folded.contains(part))
        || name.split(['_', '-']).any(|word| WHOLE.iter().any(|whole| whole.eq_ignore_ascii_case(word)))
}

/// A URL or connection string with a password in it: `scheme://user:password@host`, `password=...`, a PEM block.
fn holds_credentials(text: &str) -> bool {
    let in_authority = text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
        authority.contains('@')
    });
    let in_url = text.contains("://") && text.contains('@');
    let lower = text.to_lowercase();
    let in_pairs =
        ["password=", "pwd=", "secret=", "token=", "key=", "sig="].iter().any(|mark| lower.contains(mark));
    in_authority || in_url || in_pairs || text.contains("-----BEGIN")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_sound_secret_are_masked() {
        for name in [
            "password",
            "db_password",
            "apiKey",
            "api_key",
            "authToken",
            "client-secret",
            "private_key",
            "DSN",
        ] {
            assert!(sounds_secret(name), "{name}");
        }
        for name in ["monkey", "author", "port", "keyboard", "max_connections", "pinned"] {
            assert!(!sounds_secret(name), "{name}");
        }
    }

    #[test]
    fn a_url_with_a_password_is_masked() {
        assert!(holds_credentials("postgres://ada:p/w@d@db/x"));
        assert!(holds_credentials("nats://token@host"));
        assert!(holds_credentials("host=db password=x"));
        assert!(!holds_credentials("https://example.com/a"));
        assert!(!holds_credentials("ada@example.com"));
    }
}
