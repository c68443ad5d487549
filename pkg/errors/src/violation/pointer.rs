//! Field names to JSON pointers (RFC 6901) and back.

use std::fmt::Write as _;

/// `items[0].quantity` to `/items/0/quantity`. A text that starts with `/` is a pointer already.
pub(super) fn from_field(field: &str) -> String {
    if field.is_empty() || field.starts_with('/') {
        return field.to_owned();
    }
    let mut pointer = String::with_capacity(field.len() + 1);
    for part in field.split('.') {
        let (name, indexes) = match part.find('[') {
            Some(at) if part.ends_with(']') => part.split_at(at),
            _ => (part, ""),
        };
        if !name.is_empty() || indexes.is_empty() {
            push_segment(&mut pointer, name);
        }
        for index in indexes.split(['[', ']']).filter(|index| !index.is_empty()) {
            push_segment(&mut pointer, index);
        }
    }
    pointer
}

/// `/items/0/quantity` to `items[0].quantity`; a pointer whose segments hold `.`, `[` or `/` stays a pointer.
pub(super) fn to_field(pointer: &str) -> String {
    let segments: Vec<_> = pointer.split('/').skip(1).collect();
    if segments.iter().any(|segment| segment.is_empty() || segment.contains(['.', '[', ']', '~'])) {
        return pointer.to_owned();
    }
    let mut field = String::with_capacity(pointer.len());
    for segment in segments {
        if segment.bytes().all(|byte| byte.is_ascii_digit()) {
            // Infallible: writing into a String.
            let _ = write!(field, "[{segment}]");
        } else {
            if !field.is_empty() {
                field.push('.');
            }
            field.push_str(segment);
        }
    }
    field
}

/// The URI fragment form: `#/items/0/quantity`, percent-encoded where a fragment asks for it (RFC 3986 section 3.5).
pub(super) fn to_fragment(pointer: &str) -> String {
    let mut fragment = String::with_capacity(pointer.len() + 1);
    fragment.push('#');
    for byte in pointer.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&byte) {
            fragment.push(char::from(byte));
        } else {
            // Infallible: writing into a String.
            let _ = write!(fragment, "%{byte:02X}");
        }
    }
    fragment
}

/// Reads the fragment form and the plain form. Invalid percent-encoding is kept.
pub(super) fn from_fragment(text: &str) -> String {
    let Some(fragment) = text.strip_prefix('#') else { return from_field(text) };
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        match tail.split_first_chunk::<2>().and_then(|(hex, after)| Some((decode_hex(*hex)?, after))) {
            Some((decoded, after)) if byte == b'%' => {
                bytes.push(decoded);
                rest = after;
            }
            _ => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| fragment.to_owned())
}

fn push_segment(pointer: &mut String, segment: &str) {
    pointer.push('/');
    for character in segment.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

fn decode_hex(hex: [u8; 2]) -> Option<u8> {
    let [high, low] = hex.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? * 16 + low?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_become_pointers() {
        for (field, pointer) in [
            ("", ""),
            ("customer", "/customer"),
            ("items[0].quantity", "/items/0/quantity"),
            ("items.0.quantity", "/items/0/quantity"),
            ("matrix[1][2]", "/matrix/1/2"),
            ("[3]", "/3"),
            ("/already/a/pointer", "/already/a/pointer"),
            ("a~b", "/a~0b"),
            ("content/type", "/content~1type"),
            ("odd[", "/odd["),
        ] {
            assert_eq!(from_field(field), pointer, "{field}");
        }
    }

    #[test]
    fn pointers_become_fields() {
        for (pointer, field) in [
            ("", ""),
            ("/items/0/quantity", "items[0].quantity"),
            ("/0", "[0]"),
            ("/a.b", "/a.b"),
            ("/a~1b", "/a~1b"),
        ] {
            assert_eq!(to_field(pointer), field, "{pointer}");
        }
    }

    #[test]
    fn fragments_are_percent_encoded_and_broken_ones_kept() {
        assert_eq!(to_fragment("/größe/a b"), "#/gr%C3%B6%C3%9Fe/a%20b");
        assert_eq!(from_fragment("#/100%"), "/100%");
        assert_eq!(from_fragment("#/%FF"), "/%FF");
        assert_eq!(from_fragment("age"), "/age");
    }

    proptest! {
        #[test]
        fn a_pointer_survives_the_fragment_form(field in ".*") {
            let pointer = from_field(&field);
            prop_assert_eq!(from_fragment(&to_fragment(&pointer)), pointer);
        }

        #[test]
        fn a_pointer_survives_the_field_form(field in ".*") {
            let pointer = from_field(&field);
            prop_assert_eq!(from_field(&to_field(&pointer)), pointer);
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".*") {
            from_fragment(&text);
        }
    }
}
