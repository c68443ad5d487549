//! Event types as subjects, and the patterns that select them.

use crate::EventsError;

/// A pattern of event types: `order.placed`, `order.*` (one more token), `order.>` (one or more), `>` (all).
///
/// # Examples
/// ```
/// use underpin_events::TypePattern;
///
/// let pattern = TypePattern::parse("order.>")?;
/// assert!(pattern.matches("order.placed") && pattern.matches("order.item.added"));
/// assert!(!pattern.matches("order") && !pattern.matches("invoice.sent"));
/// # Ok::<(), underpin_events::EventsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypePattern(String);

impl TypePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`EventsError::InvalidPattern`] for more than 512 bytes, empty tokens, spaces, control characters, or a wildcard that is not a whole
    /// token (`>` only as the last).
    pub fn parse(text: &str) -> Result<Self, EventsError> {
        if text.len() > MAX_TYPE {
            return Err(EventsError::InvalidPattern);
        }
        let mut tokens = text.split('.').peekable();
        while let Some(token) = tokens.next() {
            let valid = match token {
                "*" => true,
                ">" => tokens.peek().is_none(),
                token => is_token(token),
            };
            if !valid {
                return Err(EventsError::InvalidPattern);
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether an event type is selected.
    pub fn matches(&self, ty: &str) -> bool {
        // What most subscriptions have: no wildcard, or one at the end.
        if self.0 == ty {
            return true;
        }
        if !self.0.contains('*') {
            return self.0.strip_suffix('>').is_some_and(|head| ty.starts_with(head));
        }
        let mut tokens = ty.split('.');
        for pattern in self.0.split('.') {
            match (pattern, tokens.next()) {
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (pattern, Some(token)) if pattern == token => {}
                _ => return false,
            }
        }
        tokens.next().is_none()
    }

    /// Whether everything that the other pattern selects is selected by this one.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let mut theirs = other.0.split('.');
        for ours in self.0.split('.') {
            match (ours, theirs.next()) {
                (">", Some(_)) => return true,
                ("*", Some(token)) if token != ">" => {}
                (ours, Some(token)) if ours == token => {}
                _ => return false,
            }
        }
        theirs.next().is_none()
    }

    /// Whether some event type is selected by both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let mut theirs = other.0.split('.');
        for ours in self.0.split('.') {
            match (ours, theirs.next()) {
                (">", Some(_)) | (_, Some(">")) => return true,
                ("*", Some(_)) | (_, Some("*")) => {}
                (ours, Some(token)) if ours == token => {}
                _ => return false,
            }
        }
        theirs.next().is_none()
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The longest event type in bytes. A NATS server ends the connection, for everybody on it, when a protocol line is longer
/// than 4096 bytes; the type is on that line with prefixes and a reply subject.
const MAX_TYPE: usize = 512;

/// Whether an event type can be published: dot-separated tokens without spaces and wildcards, not too long.
#[cfg(any(feature = "memory", feature = "jetstream"))]
pub(crate) fn check_type(ty: &str) -> Result<(), EventsError> {
    if ty.len() <= MAX_TYPE && (is_plain(ty) || ty.split('.').all(is_token)) {
        Ok(())
    } else {
        Err(EventsError::InvalidPattern)
    }
}

/// Whether all tokens are tokens of visible ASCII, as nearly all are: seen in one go.
#[cfg(any(feature = "memory", feature = "jetstream"))]
fn is_plain(ty: &str) -> bool {
    let mut last = b'.';
    for byte in ty.bytes() {
        let fits = byte.is_ascii_graphic() && !matches!((byte, last), (b'*' | b'>', _) | (b'.', b'.'));
        if !fits {
            return false;
        }
        last = byte;
    }
    last != b'.'
}

fn is_token(token: &str) -> bool {
    !token.is_empty() && !token.chars().any(|c| c.is_whitespace() || c.is_control() || c == '*' || c == '>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_like_subjects() {
        let cases = [
            ("order.placed", "order.placed", true),
            ("order.placed", "order.placed.v2", false),
            ("order.*", "order.placed", true),
            ("order.*", "order", false),
            ("order.*.v2", "order.placed.v2", true),
            ("*.placed", "order.placed", true),
            (">", "anything.at.all", true),
            ("order.>", "orders.placed", false),
            ("order.>", "order", false),
            ("order.>", "order.item.added", true),
            ("*.item.>", "order.item.added", true),
            ("*.item.>", "order.item", false),
            ("order.placed", "invoice.placed", false),
        ];
        for (pattern, ty, expected) in cases {
            assert_eq!(TypePattern::parse(pattern).unwrap().matches(ty), expected, "{pattern} {ty}");
        }
    }

    #[test]
    fn patterns_cover_and_overlap() {
        let pattern = |text: &str| TypePattern::parse(text).unwrap();
        for (a, b, covers, overlaps) in [
            (">", "a.b", true, true),
            ("a.>", "a.*", true, true),
            ("a.*", "a.>", false, true),
            ("a.*", "a.b", true, true),
            ("a.*", "*.b", false, true),
            ("a.b", "a.c", false, false),
            ("a", "a.b", false, false),
            ("a.b.>", "a.b", false, false),
        ] {
            assert_eq!(pattern(a).covers(&pattern(b)), covers, "{a} covers {b}");
            assert_eq!(pattern(a).overlaps(&pattern(b)), overlaps, "{a} overlaps {b}");
            assert_eq!(pattern(b).overlaps(&pattern(a)), overlaps, "{b} overlaps {a}");
        }
    }

    #[test]
    fn malformed_patterns_and_types_are_refused() {
        for bad in ["", ".", "a..b", "a.>.b", "a b", "a*", "a.b>", "a\n"] {
            assert!(TypePattern::parse(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "a.*", ">", "a b", "a.", ".a", "a..b", "a>", "é .b", "é..b"] {
            assert!(check_type(bad).is_err(), "{bad:?}");
        }
        assert!(check_type("com.example.order/placed:v1").is_ok() && check_type("é.b").is_ok());
        assert!(check_type(&"a".repeat(513)).is_err() && TypePattern::parse(&"a".repeat(513)).is_err());
    }
}
