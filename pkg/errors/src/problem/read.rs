use std::borrow::Cow;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{ABOUT_BLANK, Problem};
use crate::bounded::BoundedViolations;
use crate::limits::{self, MAX_BODY_PART, MAX_REQUEST_ID, take_text as text};
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
            errors: BoundedViolations::of(errors.into_iter().flatten().flat_map(violations), MAX_BODY_PART),
            request_id: text(&mut members, "request_id")
                .map(|id| limits::cut(&id, MAX_REQUEST_ID).into_owned()),
            retry_after: members.remove("retry_after").and_then(|value| seconds(&value)),
            extensions: limits::details(&members, MAX_BODY_PART),
        }
    }
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
