//! Short codes.

use rand::RngExt as _;
use underpin_errors::Error;
use underpin_store::{Key, StoreError};

/// 62 to the power of 7 is 3.5 trillion: with a million links one guess in 3.5 million finds one.
const LENGTH: usize = 7;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The first segments of paths of the service.
const RESERVED: [&str; 3] = ["docs", "health", "stats"];

/// A code: 4 to 32 letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code(String);

impl Code {
    /// A random one, by the generator of the thread, which is a cryptographic one: codes that count up tell how many links there are, and
    /// which is next.
    pub(crate) fn random() -> Self {
        let mut rng = rand::rng();
        let digits = (0..LENGTH).filter_map(|_| DIGITS.get(rng.random_range(0..DIGITS.len())));
        Self(digits.map(|digit| char::from(*digit)).collect())
    }

    /// What a caller wants for a new link.
    ///
    /// # Errors
    /// 400 `INVALID_CODE`.
    pub(crate) fn wanted(text: &str) -> Result<Self, Error> {
        Self::parse(text).filter(|_| !RESERVED.contains(&text)).ok_or_else(|| {
            Error::bad_request("the code is not 4 to 32 letters, digits, `-` and `_`, or is reserved")
                .code("INVALID_CODE")
        })
    }

    /// Anything else is the code of no link.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        ((4..=32).contains(&text.len()) && text.bytes().all(is_plain)).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn key(&self) -> Result<Key, StoreError> {
        Key::new(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_codes_are_codes_and_differ() {
        let codes: std::collections::HashSet<String> = (0..1000).map(|_| Code::random().0).collect();
        assert_eq!(codes.len(), 1000);
        assert!(codes.iter().all(|code| code.len() == LENGTH && Code::wanted(code).is_ok()), "{codes:?}");
    }

    #[test]
    fn what_is_no_code_is_refused() {
        assert!(Code::wanted("my-link_7").is_ok());
        for wrong in ["", "abc", "a b c", "a/bcd", "page.js", "caf\u{e9}s", &"x".repeat(33), "docs", "health"]
        {
            let error = Code::wanted(wrong).unwrap_err();
            assert_eq!((error.http_status(), error.error_code()), (400, "INVALID_CODE"), "{wrong:?}");
        }
    }
}
