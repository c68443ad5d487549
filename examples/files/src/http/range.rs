//! The part of a file that a request asks for, by RFC 9110.

use std::ops::Range;

use axum::http::HeaderMap;

use super::header;

/// What to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Nothing: the client has it.
    Nothing,
    All,
    Part(Range<u64>),
    /// The range begins behind the end.
    Unsatisfiable,
}

/// What the headers ask for. Several ranges are answered with all, as a server may.
pub(super) fn wanted(headers: &HeaderMap, etag: &str, size: u64) -> Wanted {
    let known = header(headers, "if-none-match").unwrap_or_default();
    if known.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == etag) {
        return Wanted::Nothing;
    }
    let range = header(headers, "range").and_then(|range| range.strip_prefix("bytes="));
    let Some(range) = range else { return Wanted::All };
    // A part of another version is of no use: everything is sent.
    if header(headers, "if-range").is_some_and(|version| version != etag) {
        return Wanted::All;
    }
    parse(range, size).unwrap_or(Wanted::All)
}

/// None for what is no single range.
fn parse(range: &str, size: u64) -> Option<Wanted> {
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| -> Option<u64> {
        text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok())?
    };
    let part = match (first, last) {
        ("", last) => size.saturating_sub(number(last)?)..size,
        (first, "") => number(first)?..size,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return None;
            }
            first..last.saturating_add(1).min(size)
        }
    };
    Some(if part.is_empty() { Wanted::Unsatisfiable } else { Wanted::Part(part) })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(headers: &[(&'static str, &'static str)]) -> Wanted {
        let headers = headers.iter().map(|(name, value)| {
            (axum::http::HeaderName::from_static(name), HeaderValue::from_static(value))
        });
        wanted(&headers.collect(), "\"v\"", 10)
    }

    #[test]
    fn a_range_is_cut_to_the_file() {
        for (range, part) in [
            ("bytes=0-3", Some(0..4)),
            ("bytes=4-", Some(4..10)),
            ("bytes=-3", Some(7..10)),
            ("bytes=-30", Some(0..10)),
            ("bytes=9-99999999999999999999", None),
            ("bytes=9-18446744073709551615", Some(9..10)),
            ("bytes=0-1,3-4", None),
            ("bytes=3-1", None),
            ("bytes=-", None),
            ("bytes=+1-2", None),
            ("items=0-1", None),
        ] {
            assert_eq!(of(&[("range", range)]), part.map_or(Wanted::All, Wanted::Part), "{range}");
        }
        for range in ["bytes=10-", "bytes=10-11", "bytes=-0"] {
            assert_eq!(of(&[("range", range)]), Wanted::Unsatisfiable, "{range}");
        }
    }

    #[test]
    fn conditions_come_first() {
        assert_eq!(of(&[]), Wanted::All);
        for known in ["\"v\"", "W/\"v\"", "\"u\", \"v\"", "*"] {
            assert_eq!(of(&[("if-none-match", known), ("range", "bytes=0-1")]), Wanted::Nothing, "{known}");
        }
        assert_eq!(of(&[("if-none-match", "\"u\"")]), Wanted::All);
        assert_eq!(of(&[("if-range", "\"v\""), ("range", "bytes=0-1")]), Wanted::Part(0..2));
        assert_eq!(of(&[("if-range", "\"u\""), ("range", "bytes=0-1")]), Wanted::All);
    }
}
