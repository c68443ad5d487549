//! Reads a JSON body field by field and keeps every complaint, where a derived `Deserialize` stops at the first.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};
use underpin_errors::Violation;

/// More complaints than this help nobody; a hostile body must not become a far larger answer.
const MOST_VIOLATIONS: usize = 100;

/// Reads a JSON object with `read`.
///
/// A field that is wrong reads as its default, so that all the others are read too; the whole is then refused. Fields that
/// `read` did not ask for are violations as well.
pub(crate) fn read<T>(json: &Value, read: impl FnOnce(&mut Form<'_>) -> T) -> Result<T, Vec<Violation>> {
    let mut violations = Vec::new();
    match object(json, String::new(), &mut violations, read) {
        Some(value) if violations.is_empty() => Ok(value),
        _ => Err(violations),
    }
}

/// One object of the body, at its JSON pointer.
pub(crate) struct Form<'a> {
    members: &'a Map<String, Value>,
    pointer: String,
    asked: Vec<&'static str>,
    violations: &'a mut Vec<Violation>,
}

impl<'a> Form<'a> {
    /// A text of that many characters, none of them a control character.
    pub(crate) fn text(&mut self, name: &'static str, length: RangeInclusive<usize>) -> String {
        let text =
            |value: &'a Value| value.as_str().filter(|text| is_plain(text, &length)).map(str::to_owned);
        self.field(name, text, || plain_text_rule(&length)).unwrap_or_default()
    }

    /// A whole number in a range.
    pub(crate) fn integer(&mut self, name: &'static str, range: RangeInclusive<i64>) -> i64 {
        let integer = |value: &'a Value| value.as_i64().filter(|number| range.contains(number));
        let rule = || format!("must be a whole number from {} to {}", range.start(), range.end());
        self.field(name, integer, rule).unwrap_or_default()
    }

    /// A list of that many objects, each read with `read`.
    pub(crate) fn list<T>(
        &mut self,
        name: &'static str,
        count: RangeInclusive<usize>,
        read: impl Fn(&mut Form<'_>) -> T,
    ) -> Vec<T> {
        let list = |value: &'a Value| value.as_array().filter(|items| count.contains(&items.len()));
        let rule = || format!("must be a list of {} to {} items", count.start(), count.end());
        let items = self.field(name, list, rule).map(Vec::as_slice).unwrap_or_default();
        let pointer = self.pointer_to(name);
        let at = |index| format!("{pointer}/{index}");
        items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| object(item, at(index), self.violations, &read))
            .collect()
    }

    /// Complains about a field after it was read, for rules that span several.
    pub(crate) fn complain(&mut self, name: &str, message: impl Display) {
        if self.violations.len() < MOST_VIOLATIONS {
            self.violations.push(Violation::body(self.pointer_to(name), message.to_string()));
        }
    }

    fn field<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
        rule: impl FnOnce() -> String,
    ) -> Option<T> {
        self.asked.push(name);
        let Some(value) = self.members.get(name) else {
            self.complain(name, "is required");
            return None;
        };
        let found = read(value);
        if found.is_none() {
            self.complain(name, rule());
        }
        found
    }

    /// RFC 6901: `~` and `/` in a name are escaped.
    fn pointer_to(&self, name: &str) -> String {
        format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1"))
    }
}

/// Whether a text has that many characters, none of them a control character (PostgreSQL stores no NUL).
pub(crate) fn is_plain(text: &str, length: &RangeInclusive<usize>) -> bool {
    length.contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// What [`is_plain`] asks for, in words.
pub(crate) fn plain_text_rule(length: &RangeInclusive<usize>) -> String {
    format!("must be a text of {} to {} characters without control characters", length.start(), length.end())
}

fn object<T>(
    json: &Value,
    pointer: String,
    violations: &mut Vec<Violation>,
    read: impl FnOnce(&mut Form<'_>) -> T,
) -> Option<T> {
    let Some(members) = json.as_object() else {
        violations.push(Violation::body(pointer, "must be an object"));
        return None;
    };
    let mut form = Form { members, pointer, asked: Vec::new(), violations };
    let value = read(&mut form);
    for name in members.keys() {
        if !form.asked.contains(&name.as_str()) {
            form.complain(name, "is not a known field");
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn complaints(body: &Value) -> Vec<String> {
        let result = read(body, |form| {
            let name = form.text("name", 1..=5);
            let lines = form.list("lines", 1..=3, |line| (line.integer("a", 1..=9), line.text("b", 0..=1)));
            (name, lines)
        });
        result.err().into_iter().flatten().map(|violation| violation.to_string()).collect()
    }

    #[test]
    fn a_good_body_is_read() {
        assert!(complaints(&json!({"name": "ada", "lines": [{"a": 1, "b": ""}]})).is_empty());
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let body = json!({
            "name": "a\u{0}b", "extra/~": 1, "lines": [{"a": 0, "b": "x"}, {"a": 1.5, "b": "", "c": null}, 7],
        });
        let found = complaints(&body);
        for place in ["name", "/extra~1~0", "lines[0].a", "lines[1].a", "lines[1].c", "lines[2]"] {
            assert!(found.iter().any(|text| text.starts_with(&format!("{place}: "))), "{place} in {found:?}");
        }
        assert_eq!(found.len(), 6, "{found:?}");
    }

    #[test]
    fn missing_fields_empty_lists_and_other_shapes_are_named() {
        assert_eq!(complaints(&json!({})), ["name: is required", "lines: is required"]);
        assert_eq!(complaints(&json!([])), ["must be an object"]);
        assert_eq!(
            complaints(&json!({"name": "ada", "lines": []})),
            ["lines: must be a list of 1 to 3 items"]
        );
        let number = "must be a text of 1 to 5 characters without control characters";
        assert_eq!(complaints(&json!({"name": 1, "lines": 1}))[0], format!("name: {number}"));
    }

    #[test]
    fn a_hostile_body_does_not_become_a_larger_answer() {
        let body: Map<String, Value> = (0..5000).map(|n| (n.to_string(), Value::Null)).collect();
        assert_eq!(complaints(&Value::Object(body)).len(), MOST_VIOLATIONS);
    }
}
