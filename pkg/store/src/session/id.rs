use std::fmt;

use ring::digest::{SHA256, digest};

use crate::kv::hex;
use crate::{Key, StoreError, random};

/// The secret that a client shows for its session: 256 random bits, 64 hexadecimal digits in a cookie.
///
/// The store only sees its SHA-256, so that a reader of the bucket cannot take over a session.
///
/// # Examples
/// ```
/// use underpin_store::SessionId;
///
/// let id = SessionId::random().unwrap();
/// let cookie = id.expose();
/// assert_eq!(SessionId::parse(&cookie), Some(id));
/// assert_eq!(SessionId::parse("not an id"), None);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId([u8; 32]);

impl SessionId {
    /// A new id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the system has no random numbers.
    pub fn random() -> Result<Self, StoreError> {
        random::bytes().map(Self)
    }

    /// Reads what [`expose`](Self::expose) gave; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (mut bytes, digits) = ([0; 32], text.as_bytes());
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// The text for the client. It is a secret: keep it out of logs.
    pub fn expose(&self) -> String {
        hex(&self.0)
    }

    pub(super) fn key(&self) -> Key {
        hashed(&self.0)
    }
}

/// The key of a secret.
pub(super) fn hashed(secret: &[u8]) -> Key {
    Key::encoded(digest(&SHA256, secret))
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(***)")
    }
}
