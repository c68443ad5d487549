use std::borrow::Cow;
use std::fmt;

use crate::header_names;

/// Headers of a request or a reply: names compared without case, one value for each name, in the order of insertion.
///
/// Names are ASCII without space and colon; values have no line breaks. Both are checked when the message is sent, so that a builder
/// does not fail. Names that begin with `Nats-` belong to the protocol and are refused.
///
/// # Examples
/// ```
/// use underpin_rpc::Headers;
///
/// let headers = Headers::new().with("X-Tenant", "acme").with("x-tenant", "umbrella");
/// assert_eq!(headers.get("X-TENANT"), Some("umbrella"));
/// assert_eq!(headers.len(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Cow<'static, str>, String)>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a header, or replaces the one of this name.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.insert(name, value);
        self
    }

    /// Adds a header, or replaces the one of this name.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let name = name.into();
        self.remove(&name);
        self.push(name.into(), value.into());
    }

    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Adds a header whose name is not there yet.
    pub(crate) fn push(&mut self, name: Cow<'static, str>, value: String) {
        self.0.push((name, value));
    }

    /// Takes out the headers of a name.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// The value of a header.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, value.as_str()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps a header of a peer under its first value, whatever its name.
    pub(crate) fn push_first(&mut self, name: &str, value: &str) {
        if self.get(name).is_none() {
            let known = header_names::ALL.into_iter().find(|known| *known == name);
            let name = known.map_or_else(|| Cow::Owned(name.to_owned()), Cow::Borrowed);
            self.push(name, value.to_owned());
        }
    }

    /// Names with their values, as they are kept.
    pub(crate) fn pairs(&self) -> &[(Cow<'static, str>, String)] {
        &self.0
    }

    /// The size on the wire in bytes, status line included; zero without headers.
    pub(crate) fn wire_size(&self) -> usize {
        match self.is_empty() {
            true => 0,
            // "NATS/1.0\r\n" and "\r\n", then "name: value\r\n" for each.
            false => 12 + self.0.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>(),
        }
    }

    /// Refuses what cannot be sent.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        for (name, value) in &self.0 {
            let token = |byte: u8| byte.is_ascii_graphic() && byte != b':';
            if name.is_empty() || !name.bytes().all(token) {
                return Err("a header name must be printable ASCII without space and colon");
            }
            if is_reserved(name) {
                return Err("header names that begin with `Nats-` are reserved");
            }
            if value.contains(['\r', '\n']) {
                return Err(LINE_BREAK);
            }
        }
        Ok(())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(pairs: T) -> Self {
        pairs.into_iter().fold(Self::new(), |headers, (name, value)| headers.with(name, value))
    }
}

/// One line for each, in the order of insertion.
impl fmt::Display for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|(name, value)| writeln!(f, "{name}: {value}"))
    }
}

pub(crate) const LINE_BREAK: &str = "a header value must not contain a line break";

fn is_reserved(name: &str) -> bool {
    name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("nats-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_the_wire_is_refused() {
        for (name, value) in [
            ("", "x"),
            ("a b", "x"),
            ("a:b", "x"),
            ("n\u{e4}me", "x"),
            ("Nats-Service-Error", "x"),
            ("a", "x\r\ny: z"),
        ] {
            assert!(Headers::new().with(name, value).check().is_err(), "{name:?}: {value:?}");
        }
        assert!(Headers::new().with("x-tenant", "caf\u{e9}").with("nat", "").check().is_ok());
    }

    #[test]
    fn the_first_value_of_a_peer_wins() {
        let mut headers = Headers::new();
        headers.push_first("A", "1");
        headers.push_first("a", "2");
        assert_eq!((headers.get("a"), headers.to_string().as_str()), (Some("1"), "A: 1\n"));
        assert_eq!(headers.wire_size(), 12 + 6);
    }
}
