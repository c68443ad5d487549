//! Sizes of memory, bodies and files as text: `64MiB`.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::duration::scaled;

const EXPECTED: &str = "a size in bytes, such as 4096, \"64KiB\" or \"1.5GB\"";

/// Units from the largest to the smallest; names compare without case.
const UNITS: [(&str, u64); 11] = [
    ("EiB", 1 << 60),
    ("PiB", 1 << 50),
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// A number of bytes, written as `64MiB` (powers of 1024), `64MB` (powers of 1000) or a bare number of bytes.
///
/// # Examples
/// ```
/// use underpin_config::ByteSize;
///
/// let limit: ByteSize = "64MiB".parse()?;
/// assert_eq!(limit.bytes(), 64 * 1024 * 1024);
/// assert_eq!(limit.to_string(), "64MiB");
/// # Ok::<(), underpin_config::ParseByteSizeError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// That many bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// That many times 1024 bytes, or the largest size there is.
    pub const fn kib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 10))
    }

    /// That many times 1024² bytes, or the largest size there is.
    pub const fn mib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 20))
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes as a length in memory; the largest length on a machine whose memory is smaller than that.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// The text is no size. The message says what one looks like and never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {EXPECTED}")]
pub struct ParseByteSizeError;

impl FromStr for ByteSize {
    type Err = ParseByteSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let unit = unit.trim_start();
        let scale = match unit {
            "" => 1,
            unit => UNITS
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(unit))
                .map(|(_, scale)| *scale)
                .ok_or(ParseByteSizeError)?,
        };
        let bytes = scaled(number, scale).and_then(|bytes| u64::try_from(bytes).ok());
        bytes.map(Self).ok_or(ParseByteSizeError)
    }
}

/// The largest unit that divides the size without a rest; the binary one where both do.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS.iter().find(|(_, scale)| self.0 != 0 && self.0.is_multiple_of(*scale));
        let (unit, scale) = exact.copied().unwrap_or(("B", 1));
        f.pad(&format!("{}{unit}", self.0 / scale))
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrNumber;

        impl Visitor<'_> for TextOrNumber {
            type Value = ByteSize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ByteSize, E> {
                text.parse().map_err(|_| E::invalid_value(Unexpected::Other("other text"), &self))
            }

            fn visit_u64<E: Error>(self, bytes: u64) -> Result<ByteSize, E> {
                Ok(ByteSize(bytes))
            }

            fn visit_i64<E: Error>(self, bytes: i64) -> Result<ByteSize, E> {
                let bytes = u64::try_from(bytes)
                    .map_err(|_| E::invalid_value(Unexpected::Other("a negative number"), &self))?;
                Ok(ByteSize(bytes))
            }
        }

        deserializer.deserialize_any(TextOrNumber)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_binary_and_decimal_units_and_bare_numbers() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("4096B", 4096),
            ("64KiB", 65_536),
            ("64 kib", 65_536),
            ("1.5GB", 1_500_000_000),
            ("64MiB", 67_108_864),
            ("1TB", 1_000_000_000_000),
        ] {
            assert_eq!(text.parse::<ByteSize>().map(ByteSize::bytes), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn refuses_signs_fractions_of_a_byte_and_overflow() {
        for text in ["", "-1", "1.5", "1.5B", "64X", "MiB", "16EiB", "99999999999999999999"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn deserializes_from_text_and_number_but_not_below_zero() {
        let sizes: Vec<ByteSize> = serde_json::from_str(r#"["1KiB", 1024]"#).unwrap();
        assert_eq!(sizes, [ByteSize::kib(1), ByteSize::kib(1)]);
        assert!(serde_json::from_str::<ByteSize>("-1").is_err());
        let error = serde_json::from_str::<ByteSize>("\"marker-8c1\"").unwrap_err();
        assert!(!error.to_string().contains("marker"), "{error}");
    }

    proptest! {
        #[test]
        fn every_size_survives_the_round_trip(bytes: u64) {
            prop_assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
        }

        #[test]
        fn no_text_panics(text in "[0-9.]{0,30} ?[a-zA-Z]{0,4}|\\PC*") {
            let _: Result<ByteSize, ParseByteSizeError> = text.parse();
        }
    }
}
