//! Replaces a value that failed, so that the next pass can find the next problem.

use serde::de::{Error, Visitor};

use super::error::DecodeError;

/// Texts that common types accept: numbers, durations, addresses, URLs, identifiers, dates.
pub(super) const TEXTS: [&str; 14] = [
    "",
    "0",
    "1",
    "1s",
    "1KiB",
    "a",
    "true",
    "/",
    "127.0.0.1",
    "127.0.0.1:1",
    "http://localhost/",
    "00000000-0000-0000-0000-000000000000",
    "2000-01-01",
    "2000-01-01T00:00:00Z",
];

/// The n-th candidate where a value failed. It never reaches the caller: the result of a run with problems is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placeholder {
    candidate: usize,
    high: bool,
}

impl Placeholder {
    pub(crate) const FIRST: Self = Self { candidate: 0, high: false };

    /// The next thing to try, until there is none.
    pub(crate) fn next(self) -> Option<Self> {
        let candidate = self.candidate + 1;
        (candidate < TEXTS.len()).then_some(Self { candidate, ..self })
    }

    /// The same with the largest numbers instead of the smallest: what fails with both does not fail because of the
    /// placeholder.
    pub(crate) const fn high(self) -> Self {
        Self { high: true, ..self }
    }

    pub(crate) fn pick<T: Copy>(self, low: &[T], high: T) -> T {
        if self.high && self.candidate == 0 {
            return high;
        }
        low.get(self.candidate).or(low.last()).copied().unwrap_or(high)
    }

    pub(crate) fn text(self) -> &'static str {
        TEXTS.get(self.candidate).copied().unwrap_or_default()
    }

    pub(crate) fn variant(self, variants: &'static [&'static str]) -> Option<&'static str> {
        variants.get(self.candidate.checked_rem(variants.len())?).copied()
    }

    /// For types that take what comes.
    pub(crate) fn visit_any<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.candidate {
            0 => visitor.visit_u64(if self.high { u64::MAX } else { 0 }),
            1 => visitor.visit_bool(false),
            2 => visitor.visit_unit(),
            3 => visitor.visit_str("").map_err(|error: DecodeError| error),
            candidate => match TEXTS.get(candidate - 3) {
                Some(text) => visitor.visit_str(text),
                None => Err(DecodeError::custom("no placeholder fits")),
            },
        }
    }
}
