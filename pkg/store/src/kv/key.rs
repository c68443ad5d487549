use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::StoreError;

/// A key is a part of a subject, and a server ends the connection, for all that share it, when a protocol line is longer than
/// 4096 bytes.
const LONGEST: usize = 1024;

/// The name of an entry: parts of letters, digits and `-`, `_`, `=`, `/`, separated by dots; at most 1,024 bytes.
///
/// These are the keys of the NATS key-value specification (ADR-8), without empty parts.
///
/// # Examples
/// ```
/// use underpin_store::Key;
///
/// assert!(Key::new("orders.42").is_ok());
/// assert!(Key::new("orders..42").is_err() && Key::new("a key").is_err() && Key::new("orders.*").is_err());
/// assert!(Key::encoded("a key of \u{1f600}, or of bytes").as_str().starts_with('='));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Arc<str>);

impl Key {
    /// Takes a text as it is.
    ///
    /// # Errors
    /// [`StoreError::InvalidKey`].
    pub fn new(text: &str) -> Result<Self, StoreError> {
        check(text, |part| part.bytes().all(is_plain))?;
        Ok(Self(text.into()))
    }

    /// A key for anything: `=` and hexadecimal digits of up to 500 bytes, or of the SHA-256 of what is longer.
    pub fn encoded(bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        let text = match bytes.len() {
            0..=500 => format!("={}", hex(bytes)),
            _ => format!("=/{}", hex(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())),
        };
        Self(text.into())
    }

    /// The key below a prefix: `<prefix>.<key>`.
    ///
    /// # Errors
    /// [`StoreError::InvalidKey`] when it is too long.
    pub fn below(&self, prefix: &Self) -> Result<Self, StoreError> {
        Self::new(&format!("{prefix}.{self}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<&str> for Key {
    type Error = StoreError;

    fn try_from(text: &str) -> Result<Self, StoreError> {
        Self::new(text)
    }
}

/// What the methods of [`KeyValueExt`](crate::KeyValueExt) take for a key: a [`Key`] or a text that is one.
pub trait AsKey: Send + Sync {
    /// The key.
    ///
    /// # Errors
    /// [`StoreError::InvalidKey`].
    fn as_key(&self) -> Result<Cow<'_, Key>, StoreError>;
}

impl AsKey for Key {
    fn as_key(&self) -> Result<Cow<'_, Key>, StoreError> {
        Ok(Cow::Borrowed(self))
    }
}

impl AsKey for str {
    fn as_key(&self) -> Result<Cow<'_, Key>, StoreError> {
        Key::new(self).map(Cow::Owned)
    }
}

impl AsKey for String {
    fn as_key(&self) -> Result<Cow<'_, Key>, StoreError> {
        self.as_str().as_key()
    }
}

impl<K: AsKey + ?Sized> AsKey for &K {
    fn as_key(&self) -> Result<Cow<'_, Key>, StoreError> {
        (**self).as_key()
    }
}

/// Which keys: like a key, where a part `*` is any one part, and a last part `>` is one or more.
///
/// # Examples
/// ```
/// use underpin_store::{Key, KeyPattern};
///
/// let pattern = KeyPattern::new("orders.*.total").unwrap();
/// assert!(pattern.matches(&Key::new("orders.42.total").unwrap()));
/// assert!(!pattern.matches(&Key::new("orders.42").unwrap()));
/// assert!(KeyPattern::all().matches(&Key::new("orders.42").unwrap()));
/// assert!(KeyPattern::new("orders.>.total").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyPattern(Arc<str>);

impl KeyPattern {
    /// Takes a text as it is.
    ///
    /// # Errors
    /// [`StoreError::InvalidKey`].
    pub fn new(text: &str) -> Result<Self, StoreError> {
        let before = text.strip_suffix('>').unwrap_or(text);
        if before.contains('>') || !(before.len() == text.len() || before.is_empty() || before.ends_with('.'))
        {
            return Err(StoreError::InvalidKey { problem: "`>` must be the last part" });
        }
        check(text, |part| part == "*" || part == ">" || part.bytes().all(is_plain))?;
        Ok(Self(text.into()))
    }

    /// Every key.
    pub fn all() -> Self {
        Self(">".into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it matches a key.
    pub fn matches(&self, key: &Key) -> bool {
        let mut parts = key.as_str().split('.');
        for wanted in self.0.split('.') {
            match (wanted, parts.next()) {
                (_, None) => return false,
                (">", Some(_)) => return true,
                (wanted, Some(part)) if wanted != "*" && wanted != part => return false,
                _ => {}
            }
        }
        parts.next().is_none()
    }
}

impl From<&Key> for KeyPattern {
    fn from(key: &Key) -> Self {
        Self(Arc::clone(&key.0))
    }
}

impl fmt::Display for KeyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'/')
}

fn check(text: &str, part: impl Fn(&str) -> bool) -> Result<(), StoreError> {
    let invalid = |problem| Err(StoreError::InvalidKey { problem });
    if text.len() > LONGEST {
        return invalid("it is longer than 1024 bytes");
    }
    for one in text.split('.') {
        if one.is_empty() {
            return invalid("it is empty, or has an empty part");
        }
        if !part(one) {
            return invalid("parts consist of letters, digits, `-`, `_`, `=` and `/`");
        }
    }
    Ok(())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_would_break_a_subject_are_refused() {
        for good in ["a", "a.b", "A-_=/9", "=00ff"] {
            assert!(Key::new(good).is_ok(), "{good}");
        }
        let long = "x".repeat(LONGEST + 1);
        for bad in ["", ".", "a.", ".a", "a..b", "a b", "a*", "a.>", "*", "caf\u{e9}", "a\r\nb", "a\0", &long]
        {
            assert!(Key::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn patterns_match_by_part() {
        let key = |text| Key::new(text).unwrap();
        for (pattern, text, matches) in [
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*", "a.b.c", false),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            ("*.b", "a.b", true),
            ("a", "a", true),
            ("a", "ab", false),
        ] {
            assert_eq!(KeyPattern::new(pattern).unwrap().matches(&key(text)), matches, "{pattern} {text}");
        }
        for bad in ["", ">.a", "a>", "a.b*", "a..>", "a b"] {
            assert!(KeyPattern::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn anything_has_a_key() {
        let keys = [
            Key::encoded(""),
            Key::encoded([0, 255]),
            Key::encoded("x".repeat(501)),
            Key::encoded("x".repeat(500)),
        ];
        for key in &keys {
            assert!(Key::new(key.as_str()).is_ok(), "{key}");
        }
        assert_eq!(keys[1].as_str(), "=00ff");
        assert!(keys[2].as_str().starts_with("=/") && !keys[3].as_str().contains('/'));
    }
}
