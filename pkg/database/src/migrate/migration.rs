use std::borrow::Cow;

use crate::Backend;

/// One step of a schema: a name, what to do, and how to undo it.
#[derive(Debug, Clone)]
#[must_use]
pub struct Migration {
    name: String,
    up: Script,
    down: Option<Script>,
}

/// SQL for whichever database is there: statements separated by semicolons, without binds.
#[derive(Debug, Clone)]
pub struct Script {
    postgres: Cow<'static, str>,
    sqlite: Cow<'static, str>,
}

impl Migration {
    /// A migration that cannot be undone.
    pub fn new(name: impl Into<String>, up: impl Into<Script>) -> Self {
        Self { name: name.into(), up: up.into(), down: None }
    }

    /// Says how to undo it.
    pub fn down(self, script: impl Into<Script>) -> Self {
        Self { down: Some(script.into()), ..self }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn up_sql(&self, backend: Backend) -> &str {
        self.up.on(backend)
    }

    pub(super) fn down_sql(&self, backend: Backend) -> Option<&str> {
        self.down.as_ref().map(|script| script.on(backend))
    }

    /// Changes when the script does, but not with its line endings. FNV-1a, 64 bits: it finds a slip, not a forgery.
    pub(super) fn checksum(&self, backend: Backend) -> String {
        fnv1a(&with_line_feeds(self.up_sql(backend)))
    }

    /// Whether the script is the one that `checksum` was noted for. Earlier versions noted that of the text as it was read,
    /// with whatever line endings it had.
    pub(super) fn matches(&self, checksum: &str, backend: Backend) -> bool {
        let text = with_line_feeds(self.up_sql(backend));
        [self.up_sql(backend), &text, &text.replace('\n', "\r\n")].iter().any(|text| fnv1a(text) == checksum)
    }
}

fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n")
}

fn fnv1a(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

impl Script {
    /// One text for each database.
    pub fn each(postgres: impl Into<Cow<'static, str>>, sqlite: impl Into<Cow<'static, str>>) -> Self {
        Self { postgres: postgres.into(), sqlite: sqlite.into() }
    }

    pub(super) fn on(&self, backend: Backend) -> &str {
        match backend {
            Backend::Postgres => &self.postgres,
            Backend::Sqlite => &self.sqlite,
        }
    }
}

impl From<&'static str> for Script {
    fn from(text: &'static str) -> Self {
        Self::each(text, text)
    }
}

impl From<String> for Script {
    fn from(text: String) -> Self {
        Self::each(text.clone(), text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_published_one() {
        // http://www.isthe.com/chongo/tech/comp/fnv/: FNV-1a 64 of "foobar".
        assert_eq!(Migration::new("x", "foobar").checksum(Backend::Postgres), "85944171f73967e8");
        let each = Migration::new("x", Script::each("a", "b"));
        assert_ne!(each.checksum(Backend::Postgres), each.checksum(Backend::Sqlite));
    }
}
