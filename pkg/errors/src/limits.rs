//! Size limits of bodies and headers that are made from errors, and of errors that are read from a peer.
//!
//! Callers and peers choose names, counts and lengths, and both end up in answers. Each text is cut, entries are counted, the
//! total size is limited, and the number of omitted entries is reported. The limits are idempotent: an answer that is read and
//! forwarded stays the same.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// How many violations an answer has, "and N more" included.
pub(crate) const MAX_VIOLATIONS: usize = 100;
/// The longest public text of an error.
pub(crate) const MAX_TEXT: usize = 2048;
/// The longest message of one violation.
pub(crate) const MAX_MESSAGE: usize = 1024;
/// The longest place of one violation: a pointer, or the name of a parameter or header.
pub(crate) const MAX_PLACE: usize = 512;
/// The longest machine code, and the longest request id.
pub(crate) const MAX_CODE: usize = 64;
pub(crate) const MAX_REQUEST_ID: usize = 200;
/// How much an HTTP body holds of violations, and how much of details.
pub(crate) const MAX_BODY_PART: usize = 16 * 1024;

/// The detail that says how many details were left out.
pub(crate) const OMITTED: &str = "details_omitted";

/// True for a valid machine code.
pub(crate) fn is_code(code: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    !code.is_empty() && code.len() <= MAX_CODE && code.bytes().all(allowed)
}

/// Takes a text member out of a document, cut to the limit.
pub(crate) fn take_text(members: &mut Map<String, Value>, key: &str) -> Option<Cow<'static, str>> {
    let Value::String(text) = members.remove(key)? else { return None };
    Some(Cow::Owned(if text.len() > MAX_TEXT { cut(&text, MAX_TEXT).into_owned() } else { text }))
}

/// The text, cut at a character and marked where it is longer than `max` bytes.
pub(crate) fn cut(text: &str, max: usize) -> Cow<'_, str> {
    const MARK: &str = "...";
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(max.saturating_sub(MARK.len()));
    Cow::Owned([text.get(..end).unwrap_or_default(), MARK].concat())
}

/// How long a text is in JSON, where some characters take six bytes.
pub(crate) fn encoded_len(text: &str) -> usize {
    text.bytes()
        .map(|byte| {
            if byte < b' ' {
                6
            } else if byte == b'"' || byte == b'\\' {
                2
            } else {
                1
            }
        })
        .sum()
}

/// Details up to a total size of names and JSON values; [`OMITTED`] counts those that are left out.
pub(crate) fn details(details: &Map<String, Value>, max_bytes: usize) -> Map<String, Value> {
    let (mut kept, mut bytes, mut omitted) = (Map::new(), 0_usize, 0_u64);
    for (key, value) in details {
        if key == OMITTED
            && let Some(before) = value.as_u64().or_else(|| value.as_str()?.parse().ok())
        {
            omitted = omitted.saturating_add(before);
            continue;
        }
        let cost = encoded_len(key) + size(value, max_bytes) + 8;
        if key.len() > MAX_PLACE || bytes.saturating_add(cost) > max_bytes {
            omitted += 1;
        } else {
            bytes += cost;
            kept.insert(key.clone(), value.clone());
        }
    }
    if omitted > 0 {
        kept.insert(OMITTED.to_owned(), omitted.into());
    }
    kept
}

/// How long a value is as JSON; a walk that ends beyond `max`.
fn size(value: &Value, max: usize) -> usize {
    match value {
        Value::String(text) => encoded_len(text) + 2,
        Value::Array(items) => walk(items.iter().map(|item| (0, item)), max),
        Value::Object(members) => walk(members.iter().map(|(key, item)| (encoded_len(key) + 3, item)), max),
        _ => 24,
    }
}

fn walk<'a>(items: impl Iterator<Item = (usize, &'a Value)>, max: usize) -> usize {
    let mut total = 2;
    for (name, item) in items {
        if total > max {
            break;
        }
        total += name + size(item, max - total.min(max)) + 1;
    }
    total
}
