use std::{fmt, str::FromStr, sync::Arc};

use crate::random;

/// The name of one request, the same in the log lines, the events, the SQL and the error body it causes.
///
/// An id that comes from outside is parsed before it is trusted: 1 to 128 characters out of ASCII letters, digits
/// and `-_.:+/=@`. Such a text needs no escaping in JSON, in a header or in an SQL comment, and cannot forge a line.
///
/// # Examples
///
/// ```
/// use underpin_logger::RequestId;
///
/// let given: RequestId = "req-42".parse()?;
/// assert_eq!(given.as_str(), "req-42");
/// assert!("req 42\nlevel=error".parse::<RequestId>().is_err());
/// assert_ne!(RequestId::generate(), RequestId::generate());
/// # Ok::<(), underpin_logger::RequestIdError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The longest id that is accepted, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Checks an id that comes from outside.
    ///
    /// # Errors
    ///
    /// [`RequestIdError`] when the text is empty, longer than [`RequestId::MAX_LEN`] or has a character outside of
    /// ASCII letters, digits and `-_.:+/=@`.
    pub fn parse(text: &str) -> Result<Self, RequestIdError> {
        if text.is_empty() {
            return Err(RequestIdError::Empty);
        }
        if text.len() > Self::MAX_LEN {
            return Err(RequestIdError::TooLong { len: text.len() });
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/=@".contains(&byte)) {
            return Err(RequestIdError::Character);
        }
        Ok(Self(text.into()))
    }

    /// A new id in the form of a UUID version 7 (RFC 9562): ids sort by the millisecond in which they were made.
    pub fn generate() -> Self {
        let now = random::since_epoch();
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let [high, low] = random::numbers(now);
        let mut text = *b"00000000-0000-7000-0000-000000000000";
        for (range, number) in [
            (0..8, millis >> 16),
            (9..13, millis),
            (15..18, high),
            (19..23, 0x8000 | (high >> 16) & 0x3fff),
            (24..36, low),
        ] {
            if let Some(room) = text.get_mut(range) {
                random::write_hex(number, room);
            }
        }
        Self(std::str::from_utf8(&text).unwrap_or_default().into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for RequestId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for RequestId {
    type Err = RequestIdError;

    fn from_str(text: &str) -> Result<Self, RequestIdError> {
        Self::parse(text)
    }
}

/// A text cannot be a [`RequestId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestIdError {
    /// There is no text.
    #[error("request id is empty")]
    Empty,
    /// The text is longer than [`RequestId::MAX_LEN`].
    #[error("request id has {len} bytes, more than {}", RequestId::MAX_LEN)]
    TooLong {
        /// The length of the text in bytes.
        len: usize,
    },
    /// A character is outside of ASCII letters, digits and `-_.:+/=@`.
    #[error("request id has a character that is not an ASCII letter, a digit or one of -_.:+/=@")]
    Character,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_ids_have_the_form_of_uuid_v7_and_pass_their_own_check() {
        let ids: std::collections::HashSet<_> = (0..10_000).map(|_| RequestId::generate()).collect();
        assert_eq!(ids.len(), 10_000);
        for id in ids {
            let text = id.as_str();
            assert_eq!(text.len(), 36);
            assert_eq!(text.as_bytes()[14], b'7');
            assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
            assert_eq!(RequestId::parse(text), Ok(id.clone()));
        }
    }

    #[test]
    fn an_id_from_outside_is_checked_before_it_is_trusted() {
        assert_eq!(RequestId::parse(""), Err(RequestIdError::Empty));
        assert_eq!(RequestId::parse(&"a".repeat(129)), Err(RequestIdError::TooLong { len: 129 }));
        for bad in ["a b", "a\"b", "a\r\nx: y", "a\\b", "ü", "a,b", "*/", "\0"] {
            assert_eq!(RequestId::parse(bad), Err(RequestIdError::Character), "{bad:?}");
        }
        for good in ["Root=1-67891233-abcdef012345678912345678", "a@b:c/d+e=", "0"] {
            assert!(RequestId::parse(good).is_ok(), "{good}");
        }
    }
}
