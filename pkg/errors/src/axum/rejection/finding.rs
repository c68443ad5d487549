use serde_path_to_error::{Path, Segment};

use crate::Violation;

/// What serde found wrong, and where.
pub(super) struct Finding {
    segments: Vec<String>,
    message: String,
}

impl Finding {
    /// From serde's path and text. The text loses the value that it quotes: answers and logs repeat no input.
    pub(super) fn new(path: &Path, text: &str) -> Self {
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

    pub(super) fn of_the_whole() -> Self {
        Self { segments: Vec::new(), message: "not of the expected shape".to_owned() }
    }

    pub(super) fn in_body(self) -> Violation {
        let escaped = self.segments.iter().map(|segment| segment.replace('~', "~0").replace('/', "~1"));
        let pointer: String = escaped.map(|segment| format!("/{segment}")).collect();
        Violation::body(pointer, self.message)
    }

    pub(super) fn in_parameter(self) -> Violation {
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
        Some(expectation) if quotes_a_value => clip(expectation),
        _ => clip(text),
    }
}

const MISSING: &str = "missing field `";
const UNKNOWN: &str = "unknown field `";
const DUPLICATE: &str = "duplicate field `";

/// The field that serde names in its text and not in its path, because it was not inside of it.
fn field_named_in(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix(UNKNOWN) {
        return rest.find("`, ").and_then(|at| rest.get(..at));
    }
    let rest = text.strip_prefix(MISSING).or_else(|| text.strip_prefix(DUPLICATE))?;
    rest.strip_suffix('`')
}

/// A caller can send names of any length; the answer repeats the beginning.
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
            ("invalid type: string \"s3cret, expected x\", expected u32", "expected u32"),
            ("invalid value: integer `-1`, expected u32", "expected u32"),
            ("invalid length 3, expected an array of length 2", "expected an array of length 2"),
            ("unknown variant `s3cret`, expected `tea` or `coffee`", "expected `tea` or `coffee`"),
            ("a sku has three letters", "a sku has three letters"),
        ] {
            assert_eq!(message(text), expected);
        }
    }

    #[test]
    fn a_name_of_any_length_is_cut_at_a_character() {
        assert!(clip(&"é".repeat(10_000)).len() <= 200);
    }
}
