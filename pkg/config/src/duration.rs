//! Durations as text with units: `500ms`, `5m`, `1h30m`. Use it as `#[serde(with = "underpin_config::duration")]`, or
//! [`option`] for an `Option<Duration>`.
//!
//! The grammar is that of Go's `time.ParseDuration` without a sign, plus `d`: numbers with an optional fraction, each
//! followed by `d`, `h`, `m`, `s`, `ms`, `us` (or `µs`) or `ns`, larger units first, each unit once. A bare number is
//! refused because it hides its unit; only `0` needs none. The longest duration is [`MAX`].
//!
//! # Examples
//! ```
//! use std::time::Duration;
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Settings {
//!     #[serde(with = "underpin_config::duration")]
//!     timeout: Duration,
//! }
//!
//! let settings: Settings = serde_json::from_str(r#"{"timeout":"1h30m"}"#)?;
//! assert_eq!(settings.timeout, Duration::from_secs(5400));
//! assert_eq!(serde_json::to_string(&settings)?, r#"{"timeout":"1h30m"}"#);
//! # Ok::<(), serde_json::Error>(())
//! ```

use std::fmt;
use std::time::Duration;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserializer, Serializer};

/// The longest duration that text can say: 100 years of 365 days.
///
/// A longer one is a mistake, and it would overflow where it is used: `Instant` cannot add it, and it exceeds 64 bits of
/// nanoseconds.
pub const MAX: Duration = Duration::from_secs(36_500 * 86_400);

const EXPECTED: &str = "a duration with units, such as \"500ms\", \"5m\" or \"1h30m\"";

/// Units from the largest to the smallest, in nanoseconds.
const UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// The text is no duration. The message shows examples and never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {EXPECTED}")]
pub struct ParseDurationError;

/// Reads a duration.
///
/// # Errors
/// [`ParseDurationError`] for anything outside the grammar above, and for more than [`MAX`].
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_config::duration::parse;
///
/// assert_eq!(parse("1.5s"), Ok(Duration::from_millis(1500)));
/// assert!(parse("30").is_err(), "seconds? milliseconds? say it");
/// ```
pub fn parse(text: &str) -> Result<Duration, ParseDurationError> {
    read(text).ok().filter(|duration| *duration <= MAX).ok_or(ParseDurationError)
}

/// Reads a duration of any length.
fn read(text: &str) -> Result<Duration, ParseDurationError> {
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(ParseDurationError);
    }
    let mut total: u128 = 0;
    let mut remaining = UNITS.as_slice();
    while !rest.is_empty() {
        let (number, after) = split_where(rest, |c| !(c.is_ascii_digit() || c == '.'));
        let (unit, after) = split_where(after, |c| !c.is_alphabetic());
        let unit = if unit == "µs" || unit == "μs" { "us" } else { unit };
        let position = remaining.iter().position(|(name, _)| *name == unit).ok_or(ParseDurationError)?;
        let (_, scale) = remaining.get(position).copied().ok_or(ParseDurationError)?;
        remaining = remaining.get(position + 1..).unwrap_or_default();
        total = scaled(number, scale).and_then(|part| total.checked_add(part)).ok_or(ParseDurationError)?;
        rest = after.trim_start();
    }
    let seconds = u64::try_from(total / 1_000_000_000).map_err(|_| ParseDurationError)?;
    let nanos = u32::try_from(total % 1_000_000_000).map_err(|_| ParseDurationError)?;
    Ok(Duration::new(seconds, nanos))
}

/// Writes a duration so that [`parse`] reads the same one back, up to [`MAX`].
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_config::duration::format;
///
/// assert_eq!(format(Duration::from_millis(90_500)), "1m30s500ms");
/// assert_eq!(format(Duration::ZERO), "0s");
/// ```
pub fn format(duration: Duration) -> String {
    let mut nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, scale) in UNITS {
        let count = nanos / u128::from(scale);
        if count > 0 {
            text.push_str(&count.to_string());
            text.push_str(unit);
            nanos %= u128::from(scale);
        }
    }
    text
}

/// Serializes as text.
///
/// # Errors
/// Only what the serializer reports.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*duration))
}

/// Deserializes from text.
///
/// # Errors
/// When the input is no text or no duration.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    struct Text;

    impl Visitor<'_> for Text {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(EXPECTED)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
            match read(text) {
                Ok(duration) if duration <= MAX => Ok(duration),
                Ok(_) => {
                    Err(E::invalid_value(Unexpected::Other("a longer one"), &"a duration of at most 36500d"))
                }
                Err(_) => Err(E::invalid_value(Unexpected::Other("other text"), &self)),
            }
        }
    }

    deserializer.deserialize_str(Text)
}

/// The same for `Option<Duration>`: `#[serde(default, with = "underpin_config::duration::option")]`.
pub mod option {
    use serde::Deserialize;

    use super::{Deserializer, Duration, Serializer};

    struct Wrapped(Duration);

    impl<'de> Deserialize<'de> for Wrapped {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            super::deserialize(deserializer).map(Self)
        }
    }

    /// Serializes as text or as nothing.
    ///
    /// # Errors
    /// Only what the serializer reports.
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serializer.serialize_some(&super::format(*duration)),
            None => serializer.serialize_none(),
        }
    }

    /// Deserializes from text or from nothing.
    ///
    /// # Errors
    /// When the input is there and is no duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|wrapped| wrapped.0))
    }
}

fn split_where(text: &str, stop: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(stop).unwrap_or(text.len()))
}

/// `number` times `scale` without floating point; a fraction finer than a nanosecond is refused.
pub(crate) fn scaled(number: &str, scale: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 18 {
        return None;
    }
    let scale = u128::from(scale);
    let whole = u128::from(whole.parse::<u64>().ok()?).checked_mul(scale)?;
    let denominator = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = fraction.parse::<u128>().ok()?.checked_mul(scale)?;
    (part % denominator == 0).then(|| whole + part / denominator)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Settings {
        #[serde(with = "super")]
        every: Duration,
        #[serde(default, with = "super::option")]
        limit: Option<Duration>,
    }

    #[test]
    fn reads_each_unit() {
        for (text, nanos) in [
            ("0", 0),
            ("0s", 0),
            ("7ns", 7),
            ("7us", 7_000),
            ("7µs", 7_000),
            ("500ms", 500_000_000),
            ("5s", 5_000_000_000),
            (" 5m ", 300_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1h 30m", 5_400_000_000_000),
            ("1.5h", 5_400_000_000_000),
            ("2d", 172_800_000_000_000),
        ] {
            assert_eq!(parse(text).map(|d| d.as_nanos()), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn refuses_what_hides_or_repeats_a_unit() {
        for text in [
            "", " ", "5", "5x", "m5", "-5s", "5s5s", "30m1h", "1.s", ".5s", "1..5s", "0.5ns", "5 s", "1e3s",
            "∞",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert!(parse("99999999999999999999999d").is_err());
    }

    #[test]
    fn works_as_a_field_and_as_an_option() {
        let settings: Settings = serde_json::from_str(r#"{"every":"5m","limit":"10s"}"#).unwrap();
        assert_eq!(settings.limit, Some(Duration::from_secs(10)));
        let without: Settings = serde_json::from_str(r#"{"every":"5m"}"#).unwrap();
        assert_eq!(without.limit, None);
        assert_eq!(serde_json::to_string(&without).unwrap(), r#"{"every":"5m","limit":null}"#);
    }

    #[test]
    fn a_hundred_years_are_the_longest() {
        assert_eq!(parse("36500d"), Ok(MAX));
        for text in ["36500d1ns", "36501d", "213503982334601d", "18446744073709551615s"] {
            assert_eq!(parse(text), Err(ParseDurationError), "{text}");
            let error = serde_json::from_str::<Settings>(&format!(r#"{{"every":"{text}"}}"#)).unwrap_err();
            assert!(error.to_string().contains("a duration of at most 36500d"), "{error}");
        }
    }

    #[test]
    fn the_error_does_not_repeat_the_text() {
        let error = serde_json::from_str::<Settings>(r#"{"every":"marker-8c1"}"#).unwrap_err();
        assert!(!error.to_string().contains("marker"), "{error}");
        assert!(error.to_string().contains("500ms"));
    }

    proptest! {
        #[test]
        fn every_duration_survives_the_round_trip(seconds in 0..MAX.as_secs(), nanos in 0u32..1_000_000_000) {
            let duration = Duration::new(seconds, nanos);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _: Result<Duration, ParseDurationError> = parse(&text);
        }

        #[test]
        fn nothing_close_to_a_duration_panics(text in "[0-9.]{0,24}[a-zµ]{0,3}[0-9.]{0,24}[a-z ]{0,3}") {
            let _: Result<Duration, ParseDurationError> = parse(&text);
        }
    }
}
