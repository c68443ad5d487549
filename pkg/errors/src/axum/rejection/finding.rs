use std::fmt::Display;

use serde_path_to_error::{Path, Segment};

use crate::Violation;

/// An error of serde: the place and the reason.
pub(in crate::axum) struct Finding {
    segments: Vec<String>,
    message: String,
}

impl Finding {
    /// From serde's path and text. The text loses the value that it quotes: answers and logs repeat no input.
    pub(in crate::axum) fn new(path: &Path, text: &str) -> Self {
        let named = path.iter().map_while(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(clip(key)),
            Segment::Enum { variant } => Some(clip(variant)),
            Segment::Unknown => None,
        });
        let mut segments: Vec<_> = named.collect();
        if let Some(field) = field_named_in(text).map(clip)
            && segments.last() != Some(&field)
        {
            segments.push(field);
        }
        Self { segments, message: message(text) }
    }

    /// Names the parameter where serde's path is empty.
    pub(in crate::axum) fn at(mut self, name: &str) -> Self {
        if self.segments.is_empty() {
            self.segments.push(clip(name));
        }
        self
    }

    pub(super) fn of_the_whole() -> Self {
        Self { segments: Vec::new(), message: "not of the expected shape".to_owned() }
    }

    pub(super) fn in_body(self) -> Violation {
        let escaped = self.segments.iter().map(|segment| segment.replace('~', "~0").replace('/', "~1"));
        let pointer: String = escaped.map(|segment| format!("/{segment}")).collect();
        Violation::body(pointer, self.message)
    }

    pub(in crate::axum) fn in_parameter(self) -> Violation {
        Violation::parameter(self.segments.join("."), self.message)
    }
}

/// serde's text without the value that it quotes.
///
/// The forms are those of `serde::de::Error`; another text is a type's own and kept.
pub(super) fn message(text: &str) -> String {
    if text.starts_with(MISSING) {
        return "is required".to_owned();
    }
    if text.starts_with(DUPLICATE) {
        return "is given more than once".to_owned();
    }
    let expectation = text.rfind(", expected ").and_then(|at| text.get(at + 2..));
    if text.starts_with(UNKNOWN) {
        return expectation.map_or_else(
            || "is not a known field".to_owned(),
            |expectation| format!("is not a known field, {expectation}"),
        );
    }
    let quotes_a_value = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant "]
        .iter()
        .any(|form| text.starts_with(form));
    match expectation {
        Some(expectation) if quotes_a_value => expected(expectation.trim_start_matches("expected ")),
        _ => parsing(text).map_or_else(|| clip(text), str::to_owned),
    }
}

/// The expectation without the names of Rust types.
pub(super) fn expected(what: &str) -> String {
    let whole =
        |low: &dyn Display, high: &dyn Display| format!("expected a whole number from {low} to {high}");
    match what {
        "u8" => whole(&u8::MIN, &u8::MAX),
        "u16" => whole(&u16::MIN, &u16::MAX),
        "u32" => whole(&u32::MIN, &u32::MAX),
        "u64" | "usize" => whole(&u64::MIN, &u64::MAX),
        "i8" => whole(&i8::MIN, &i8::MAX),
        "i16" => whole(&i16::MIN, &i16::MAX),
        "i32" => whole(&i32::MIN, &i32::MAX),
        "i64" | "isize" => whole(&i64::MIN, &i64::MAX),
        "f32" | "f64" => "expected a number".to_owned(),
        "bool" | "a boolean" => "expected true or false".to_owned(),
        "a sequence" => "expected a list".to_owned(),
        "a map" => "expected an object".to_owned(),
        of_ours if of_ours.starts_with("struct ") => "expected an object".to_owned(),
        other => clip(&format!("expected {other}")),
    }
}

/// The texts of the standard library's number and bool parsers, which query and path values go through.
fn parsing(text: &str) -> Option<&'static str> {
    Some(match text {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "expected a whole number"
        }
        "number too large to fit in target type" => "is too large",
        "number too small to fit in target type" => "is too small",
        "invalid float literal" | "cannot parse float from empty string" => "expected a number",
        "provided string was not `true` or `false`" => "expected true or false",
        _ => return None,
    })
}

const MISSING: &str = "missing field `";
const UNKNOWN: &str = "unknown field `";
const DUPLICATE: &str = "duplicate field `";

/// The field that serde names in its text and not in its path.
fn field_named_in(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix(UNKNOWN)
        && let Some(at) = rest.find("`, ")
    {
        return rest.get(..at);
    }
    // Below `flatten` serde does not list the known fields.
    let prefixes = [UNKNOWN, MISSING, DUPLICATE];
    let rest = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix))?;
    rest.strip_suffix('`')
}

/// A caller can send names of any length; the answer has the beginning.
fn clip(text: &str) -> String {
    const MAX: usize = 200;
    text.get(..text.floor_char_boundary(MAX)).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_serde_loses_the_value_and_keeps_the_expectation() {
        for (text, expected) in [
            ("missing field `customer`", "is required"),
            ("duplicate field `customer`", "is given more than once"),
            ("unknown field `x`, expected `a` or `b`", "is not a known field, expected `a` or `b`"),
            ("unknown field `x`, there are no fields", "is not a known field"),
            (
                "invalid type: string \"s3cret, expected x\", expected u8",
                "expected a whole number from 0 to 255",
            ),
            ("invalid value: integer `-1`, expected i8", "expected a whole number from -128 to 127"),
            ("invalid type: null, expected struct Order with 2 elements", "expected an object"),
            ("invalid length 3, expected an array of length 2", "expected an array of length 2"),
            ("unknown variant `s3cret`, expected `tea` or `coffee`", "expected `tea` or `coffee`"),
            ("a sku has three letters", "a sku has three letters"),
        ] {
            assert_eq!(message(text), expected);
        }
    }

    #[test]
    fn the_texts_of_the_standard_parsers_are_known() {
        for text in [
            "x".parse::<u8>().unwrap_err().to_string(),
            "".parse::<u8>().unwrap_err().to_string(),
            "256".parse::<u8>().unwrap_err().to_string(),
            "-129".parse::<i8>().unwrap_err().to_string(),
            "x".parse::<f64>().unwrap_err().to_string(),
            "".parse::<f64>().unwrap_err().to_string(),
            "x".parse::<bool>().unwrap_err().to_string(),
        ] {
            assert!(parsing(&text).is_some(), "{text}");
        }
    }

    #[test]
    fn a_name_of_any_length_is_cut_at_a_character() {
        assert!(clip(&"é".repeat(10_000)).len() <= 200);
    }
}
