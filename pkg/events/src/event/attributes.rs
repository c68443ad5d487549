//! The rules of the CloudEvents type system and naming convention (spec 1.0.2, sections 2 and 3).

use super::invalid_event::InvalidEventError;

/// The media type of JSON data.
pub(super) const JSON: &str = "application/json";

/// Names that are core attributes or members of the JSON format, and therefore never extensions.
pub(super) const RESERVED: [&str; 10] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "data",
    "data_base64",
];

/// Lower-case ASCII letters and digits, at least one ("Attribute Naming Convention").
pub(super) fn check_name(name: &str) -> Result<(), InvalidEventError> {
    if RESERVED.contains(&name) {
        return Err(InvalidEventError::attribute(name, "is reserved and cannot be an extension"));
    }
    let valid = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if valid {
        Ok(())
    } else {
        Err(InvalidEventError::attribute(name, "may hold lower-case letters and digits only"))
    }
}

/// The `String` type: no control characters and no noncharacters. Surrogates cannot occur in Rust text.
pub(super) fn check_text(name: &str, value: &str) -> Result<(), InvalidEventError> {
    let forbidden = |c: char| c.is_control() || is_noncharacter(c);
    // Printable ASCII is by far the most common case: decide it without decoding characters.
    if value.bytes().all(|b| (0x20..0x7f).contains(&b)) || !value.chars().any(forbidden) {
        return Ok(());
    }
    Err(InvalidEventError::attribute(name, "holds control characters or noncharacters"))
}

pub(super) fn check_required(name: &'static str, value: &str) -> Result<(), InvalidEventError> {
    if value.is_empty() {
        return Err(InvalidEventError::Missing { name });
    }
    check_text(name, value)
}

/// Optional attributes, when present, are not empty.
pub(super) fn check_optional(name: &'static str, value: Option<&str>) -> Result<(), InvalidEventError> {
    match value {
        None => Ok(()),
        Some("") => Err(InvalidEventError::attribute(name, "is empty")),
        Some(value) => check_text(name, value),
    }
}

/// RFC 3986 characters and well-formed percent triplets. What we write is held to this; what we read is not, because
/// other producers write sources such as `my service`, which still name the context without doubt.
pub(super) fn check_uri_reference(name: &'static str, value: &str) -> Result<(), InvalidEventError> {
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        let valid = match byte {
            b'%' => {
                matches!((bytes.next(), bytes.next()), (Some(a), Some(b)) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
            }
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => false,
            other => other.is_ascii_graphic(),
        };
        if !valid {
            return Err(InvalidEventError::attribute(name, "is not a URI reference"));
        }
    }
    Ok(())
}

/// An absolute URI: a scheme, a colon, and something after it.
pub(super) fn check_absolute_uri(name: &'static str, value: &str) -> Result<(), InvalidEventError> {
    check_uri_reference(name, value)?;
    let scheme = value.split_once(':').filter(|(_, rest)| !rest.is_empty()).map(|(scheme, _)| scheme);
    let valid = scheme.is_some_and(|scheme| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    });
    if valid { Ok(()) } else { Err(InvalidEventError::attribute(name, "is not an absolute URI")) }
}

/// `type/subtype`, with parameters allowed (RFC 2046).
pub(super) fn check_media_type(name: &'static str, value: &str) -> Result<(), InvalidEventError> {
    let token = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b))
    };
    let valid = essence(value).split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype));
    if valid { Ok(()) } else { Err(InvalidEventError::attribute(name, "is not a media type")) }
}

/// A media type without its parameters.
pub(super) fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// Whether data of this media type is JSON. Absent means `application/json` (JSON format, section 3.1).
pub(super) fn is_json(content_type: Option<&str>) -> bool {
    let Some(content_type) = content_type else { return true };
    let Some((_, subtype)) = essence(content_type).split_once('/') else { return false };
    let suffix = subtype.get(subtype.len().saturating_sub(5)..).unwrap_or_default();
    subtype.eq_ignore_ascii_case("json") || suffix.eq_ignore_ascii_case("+json")
}

fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_letters_and_digits() {
        for good in ["a", "traceparent", "x1", "012"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "organization_id", "Trace", "é", "a-b", "id", "data", "data_base64", "specversion"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn text_excludes_control_and_noncharacters() {
        for good in ["plain", "naïve ☂", ""] {
            assert!(check_text("subject", good).is_ok());
        }
        for bad in ["a\nb", "\r", "\u{7f}", "\u{85}", "\u{fdd0}", "\u{fffe}", "\u{1ffff}"] {
            assert!(check_text("subject", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn uris_of_the_specification_are_accepted() {
        for good in [
            "https://github.com/cloudevents",
            "mailto:cncf-wg-serverless@lists.cncf.io",
            "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
            "/cloudevents/spec/pull/123",
            "1-555-123-4567",
            "/sensors/tn-1234567/alerts",
        ] {
            assert!(check_uri_reference("source", good).is_ok(), "{good}");
        }
        for bad in ["my service", "a%2", "<x>", "é"] {
            assert!(check_uri_reference("source", bad).is_err(), "{bad}");
        }
        assert!(check_absolute_uri("dataschema", "https://example.com/schema").is_ok());
        assert!(check_absolute_uri("dataschema", "/relative").is_err());
    }

    #[test]
    fn json_media_types() {
        for yes in
            [None, Some("application/json"), Some("text/JSON; charset=utf-8"), Some("application/vnd.x+json")]
        {
            assert!(is_json(yes), "{yes:?}");
        }
        for no in [Some("text/plain"), Some("application/jsonp"), Some(""), Some("application/x")] {
            assert!(!is_json(no), "{no:?}");
        }
    }
}
