use std::cell::Cell;

use serde::de::Unexpected;

/// A text with a type, if it reads like a number or a boolean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

impl Scalar {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = |text: &str| text.ends_with(|last: char| last.is_ascii_digit());
        let number = text.strip_prefix('-').unwrap_or(text);
        match text {
            "true" => Some(Self::Bool(true)),
            "false" => Some(Self::Bool(false)),
            // Not `inf`, `nan` and `+1`.
            _ if !number.starts_with(|first: char| first.is_ascii_digit()) || !digits(text) => None,
            _ => (text.parse().map(Self::Unsigned))
                .or_else(|_| text.parse().map(Self::Signed))
                .or_else(|_| text.parse().map(Self::Float))
                .ok(),
        }
    }

    pub(super) fn unexpected(self) -> Unexpected<'static> {
        match self {
            Self::Bool(value) => Unexpected::Bool(value),
            Self::Unsigned(value) => Unexpected::Unsigned(value),
            Self::Signed(value) => Unexpected::Signed(value),
            Self::Float(value) => Unexpected::Float(value),
        }
    }
}

/// One name or value of the query, and how it is given where serde asks for any value.
#[derive(Debug)]
pub(super) struct Guess {
    scalar: Option<Scalar>,
    /// Give the scalar, not the text.
    pub(super) typed: Cell<bool>,
    /// serde asked for any value.
    pub(super) asked: Cell<bool>,
}

impl Guess {
    pub(super) fn text(text: &str) -> Self {
        Self { scalar: Scalar::parse(text), typed: Cell::new(false), asked: Cell::new(false) }
    }

    /// The scalar, if it is given instead of the text.
    pub(super) fn scalar(&self) -> Option<Scalar> {
        self.scalar.filter(|_| self.typed.get())
    }

    /// True where the other choice would make a difference.
    pub(super) fn is_open(&self) -> bool {
        self.scalar.is_some() && self.asked.get()
    }

    /// True where a message of serde is about this value as it was given.
    pub(super) fn is_quoted_in(&self, text: &str, message: &str) -> bool {
        let unexpected = match self.scalar() {
            Some(scalar) => scalar.unexpected(),
            None => Unexpected::Str(text),
        };
        ["type", "value"]
            .iter()
            .any(|what| message.starts_with(&format!("invalid {what}: {unexpected}, expected ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_reads_like_one_is_a_scalar() {
        for (text, scalar) in [
            ("true", Scalar::Bool(true)),
            ("7", Scalar::Unsigned(7)),
            ("-7", Scalar::Signed(-7)),
            ("1.5", Scalar::Float(1.5)),
            ("1e3", Scalar::Float(1000.0)),
        ] {
            assert_eq!(Scalar::parse(text), Some(scalar), "{text}");
        }
        for text in ["", "x", "inf", "NaN", "+1", "1.", "-", "0x1", "True"] {
            assert_eq!(Scalar::parse(text), None, "{text}");
        }
    }
}
