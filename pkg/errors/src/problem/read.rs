use std::borrow::Cow;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{ABOUT_BLANK, Problem};
use crate::retry_after::bounded;
use crate::{Kind, Violation};

/// Any JSON object is a problem; a member of the wrong type counts as absent (RFC 9457 section 3.1).
impl<'de> Deserialize<'de> for Problem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Self::from_members)
    }
}

impl Problem {
    pub(crate) fn from_members(mut members: Map<String, Value>) -> Self {
        let errors = [members.remove("errors"), members.remove("invalid-params")];
        Self {
            type_uri: text(&mut members, "type").unwrap_or(Cow::Borrowed(ABOUT_BLANK)),
            title: text(&mut members, "title"),
            status: members
                .remove("status")
                .and_then(|value| u16::try_from(value.as_u64()?).ok())
                .unwrap_or(0),
            detail: text(&mut members, "detail"),
            instance: text(&mut members, "instance").map(Cow::into_owned),
            code: text(&mut members, "code"),
            kind: text(&mut members, "kind").and_then(|code| Kind::from_code(&code)),
            errors: errors.into_iter().flatten().flat_map(violations).take(MAX_VIOLATIONS).collect(),
            request_id: text(&mut members, "request_id").map(Cow::into_owned),
            retry_after: members.remove("retry_after").and_then(|value| seconds(&value)),
            extensions: members,
        }
    }
}

/// What one answer may make us keep and print again; a peer can send anything.
const MAX_VIOLATIONS: usize = 100;
const MAX_TEXT: usize = 2048;
const MAX_CODE: usize = 64;

/// A text member, cut to a length that can be printed again.
pub(crate) fn text(members: &mut Map<String, Value>, key: &str) -> Option<Cow<'static, str>> {
    let Value::String(mut text) = members.remove(key)? else { return None };
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    Some(text.into())
}

/// True for what can be a machine code; anything else in its place is dropped.
pub(crate) fn is_code(code: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    !code.is_empty() && code.len() <= MAX_CODE && code.bytes().all(allowed)
}

fn seconds(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(value.as_f64()?).ok().map(bounded)
}

/// A list of objects as we send it, or a map from field to messages as ASP.NET sends it.
fn violations(value: Value) -> Vec<Violation> {
    match value {
        Value::Array(items) => items.iter().filter_map(Violation::from_value).collect(),
        Value::Object(fields) => {
            fields.into_iter().flat_map(|(field, value)| of_field(&field, value)).collect()
        }
        _ => Vec::new(),
    }
}

fn of_field(field: &str, value: Value) -> Vec<Violation> {
    let messages = match value {
        Value::Array(messages) => messages,
        other => vec![other],
    };
    let texts = messages.into_iter().filter_map(|message| match message {
        Value::String(text) => Some(text),
        _ => None,
    });
    texts.map(|text| Violation::body(field, text)).collect()
}
