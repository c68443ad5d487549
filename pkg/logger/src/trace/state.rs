use std::{fmt, str::FromStr, sync::Arc};

/// What tracing systems attach to a trace: the W3C `tracestate` header.
///
/// An ordered list of members, `key=value`, the latest first. A key is `system` or `tenant@system`. The list travels with
/// the trace unchanged, whatever its keys mean.
///
/// Parsed strictly after [W3C Trace Context](https://www.w3.org/TR/trace-context/#tracestate-header): one malformed member, a
/// key that occurs twice, or more than [`TraceState::MAX_MEMBERS`] members invalidate the whole list. Empty members and white
/// space around members are dropped. A valid list over [`TraceState::MAX_LEN`] bytes loses whole members: first those over
/// 128 bytes, then others, from the end each time.
///
/// # Examples
///
/// ```
/// use underpin_logger::TraceState;
///
/// let state = TraceState::parse("rojo=00f067aa0ba902b7, congo=t61rcWkgMzE")?;
/// assert_eq!(state.as_str(), "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
/// assert_eq!(state.get("congo"), Some("t61rcWkgMzE"));
/// assert_eq!(state.with_member("acme@rojo", "1")?.members().next(), Some(("acme@rojo", "1")));
/// assert!(TraceState::parse("rojo=1,rojo=2").is_err());
/// # Ok::<(), underpin_logger::TraceStateError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct TraceState {
    /// Valid members without white space, joined by commas.
    text: Arc<str>,
}

impl TraceState {
    /// The most members of a list.
    pub const MAX_MEMBERS: usize = 32;

    /// The most bytes of a list, commas included. The recommendation asks for at least as many.
    pub const MAX_LEN: usize = 512;

    /// Members over this length are the first to go when a list is too long.
    const LARGE_MEMBER: usize = 128;

    /// Reads the value of one header.
    ///
    /// # Errors
    ///
    /// [`TraceStateError`] when the recommendation makes the list invalid. The trace is then continued without it.
    pub fn parse(header: &str) -> Result<Self, TraceStateError> {
        Self::combine([header])
    }

    /// Reads the values of several `tracestate` headers of one message, in their order, as one list.
    ///
    /// # Errors
    ///
    /// [`TraceStateError`] as for [`TraceState::parse`]; a key in two headers occurs twice.
    pub fn combine<'a>(headers: impl IntoIterator<Item = &'a str>) -> Result<Self, TraceStateError> {
        let mut members: Vec<(&str, &str)> = Vec::new();
        let pieces = headers.into_iter().flat_map(|header| header.split(','));
        for member in pieces.map(|piece| piece.trim_matches([' ', '\t'])).filter(|piece| !piece.is_empty()) {
            let (key, value) = split_member(member).ok_or(TraceStateError)?;
            if members.len() == Self::MAX_MEMBERS || members.iter().any(|(known, _)| *known == key) {
                return Err(TraceStateError);
            }
            members.push((key, value));
        }
        Ok(Self::join(members))
    }

    /// The list with this member in front, where the recommendation wants a changed member. The member of the same key is
    /// replaced; when there are too many, the last are dropped.
    ///
    /// # Errors
    ///
    /// [`TraceStateError`] when `key` or `value` is not what a member may have.
    pub fn with_member(&self, key: &str, value: &str) -> Result<Self, TraceStateError> {
        if !is_key(key) || !is_value(value) {
            return Err(TraceStateError);
        }
        let others = self.members().filter(|(other, _)| *other != key);
        Ok(Self::join([(key, value)].into_iter().chain(others).take(Self::MAX_MEMBERS).collect()))
    }

    /// The value of the header.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether there is no member, so that no header is sent.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Keys and values, the latest first.
    pub fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.text.split(',').filter_map(|member| member.split_once('='))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.members().find_map(|(known, value)| (known == key).then_some(value))
    }

    fn join(mut members: Vec<(&str, &str)>) -> Self {
        fn len((key, value): &(&str, &str)) -> usize {
            key.len() + "=".len() + value.len()
        }
        // Every member but the first has a comma before it.
        while members.iter().map(|member| len(member) + 1).sum::<usize>() > Self::MAX_LEN + 1 {
            let large = members.iter().rposition(|member| len(member) > Self::LARGE_MEMBER);
            members.remove(large.unwrap_or(members.len() - 1));
        }
        let members: Vec<String> = members.iter().map(|(key, value)| format!("{key}={value}")).collect();
        Self { text: members.join(",").into() }
    }
}

/// Takes a member apart if key and value are valid.
fn split_member(member: &str) -> Option<(&str, &str)> {
    member.split_once('=').filter(|(key, value)| is_key(key) && is_value(value))
}

/// A simple key has up to 256 bytes and starts with a letter. Of a multi-tenant key, the tenant has up to 241 and may
/// start with a digit, the system up to 14.
fn is_key(key: &str) -> bool {
    let part = |text: &str, most: usize, digit_first: bool| {
        let first = |byte: &u8| byte.is_ascii_lowercase() || digit_first && byte.is_ascii_digit();
        let other = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/".contains(&byte);
        text.len() <= most && text.as_bytes().first().is_some_and(first) && text.bytes().all(other)
    };
    match key.split_once('@') {
        None => part(key, 256, false),
        Some((tenant, system)) => part(tenant, 241, true) && part(system, 14, false),
    }
}

/// Up to 256 printable ASCII characters without comma and equals sign, not ending in a space.
fn is_value(value: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    (1..=256).contains(&value.len()) && value.bytes().all(allowed) && !value.ends_with(' ')
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TraceState").field(&self.as_str()).finish()
    }
}

impl FromStr for TraceState {
    type Err = TraceStateError;

    fn from_str(text: &str) -> Result<Self, TraceStateError> {
        Self::parse(text)
    }
}

/// A text is not a W3C `tracestate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C tracestate")]
#[non_exhaustive]
pub struct TraceStateError;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_that_is_too_long_loses_large_members_first_and_then_the_last() {
        let large = format!("large={}", "x".repeat(200));
        let small: Vec<String> = (10..30).map(|n| format!("k{n}={}", "y".repeat(16))).collect();
        let state = TraceState::parse(&format!("{},{large},{}", small[0], small[1..].join(","))).unwrap();
        assert_eq!(state.as_str(), small.join(","), "the large member was enough");

        let more: Vec<String> = (10..40).map(|n| format!("k{n}={}", "y".repeat(16))).collect();
        let state = TraceState::parse(&more.join(",")).unwrap();
        assert_eq!(state.as_str(), more[..24].join(","), "503 bytes: one more would be 524");
    }

    #[test]
    fn exactly_the_limit_is_kept_whole() {
        let text = format!("a={},b={}", "x".repeat(253), "y".repeat(254));
        assert_eq!(text.len(), 512);
        assert_eq!(TraceState::parse(&text).unwrap().as_str(), text);
        let text = format!("a={},b={}", "x".repeat(254), "y".repeat(254));
        assert_eq!(TraceState::parse(&text).unwrap().as_str(), text[..256].to_owned());
    }

    #[test]
    fn a_changed_member_moves_to_the_front() {
        let state = TraceState::parse("foo=1,bar=2").unwrap();
        assert_eq!(state.with_member("bar", "3").unwrap().as_str(), "bar=3,foo=1");
        assert_eq!(TraceState::default().with_member("1a@b", "x y").unwrap().as_str(), "1a@b=x y");
        for (key, value) in
            [("", "1"), ("1a", "1"), ("a,b", "1"), ("a=b", "1"), ("a", ""), ("a", "b "), ("a", "b,c=d")]
        {
            assert_eq!(state.with_member(key, value), Err(TraceStateError), "{key:?}={value:?}");
        }
        let full: Vec<String> = (0..32).map(|n| format!("k{n}=1")).collect();
        let full = TraceState::parse(&full.join(",")).unwrap().with_member("new", "1").unwrap();
        assert_eq!((full.members().count(), full.get("new"), full.get("k31")), (32, Some("1"), None));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_reads_itself(
            text in "\\PC{0,70}|([a-z0-9@_ -]{1,4}=[ -~]{0,300}[,\t ]?){0,40}",
        ) {
            if let Ok(state) = TraceState::parse(&text) {
                prop_assert!(state.as_str().len() <= TraceState::MAX_LEN);
                prop_assert!(state.members().count() <= TraceState::MAX_MEMBERS);
                prop_assert!(state.members().all(|(key, value)| state.get(key) == Some(value)));
                prop_assert_eq!(TraceState::parse(state.as_str()), Ok(state));
            }
        }
    }
}
