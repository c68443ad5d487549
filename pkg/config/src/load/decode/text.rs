//! What untyped text means to the type that receives it.

use crate::Value;

/// The words for yes and no, without case: `true`, `yes`, `on`, `1` and `false`, `no`, `off`, `0`.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| word.eq_ignore_ascii_case(text.trim()));
    match (is(["true", "yes", "on", "1"]), is(["false", "no", "off", "0"])) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// The items of a list: JSON when it starts with `[`, otherwise items between commas with the space around them removed. One
/// comma at the end is allowed; empty text is the empty list.
pub(crate) fn list(text: &str) -> Vec<Value> {
    let text = text.trim();
    if text.starts_with('[')
        && let Some(Value::List(items)) = json(text)
    {
        return items;
    }
    let text = text.strip_suffix(',').unwrap_or(text);
    if text.trim().is_empty() {
        return Vec::new();
    }
    text.split(',').map(|item| Value::Text(item.trim().to_owned())).collect()
}

/// The entries of a map: JSON when it starts with `{`, otherwise `key=value` between commas.
pub(crate) fn map(text: &str) -> Option<Value> {
    let text = text.trim();
    if text.starts_with('{') {
        return json(text).filter(|value| matches!(value, Value::Table(_)));
    }
    let text = text.strip_suffix(',').unwrap_or(text);
    if text.trim().is_empty() {
        return Some(Value::Table(crate::Table::new()));
    }
    let entry = |item: &str| {
        let (key, value) = item.split_once('=')?;
        Some((key.trim().to_owned(), Value::Text(value.trim().to_owned())))
    };
    text.split(',').map(entry).collect::<Option<_>>().map(Value::Table)
}

/// JSON whose strings are untyped text as well: `["8080"]` is as good as `[8080]` where the whole came as text.
pub(crate) fn json(text: &str) -> Option<Value> {
    fn untyped(value: Value) -> Value {
        match value {
            Value::String(text) => Value::Text(text),
            Value::List(items) => Value::List(items.into_iter().map(untyped).collect()),
            Value::Table(table) => {
                Value::Table(table.into_iter().map(|(key, value)| (key, untyped(value))).collect())
            }
            other => other,
        }
    }
    serde_json::from_str::<serde_json::Value>(text).ok().map(Value::from).map(untyped)
}

/// The items of a table whose keys are `0`, `1` and so on without a gap, as indexed variables leave it.
pub(crate) fn indexed(table: &crate::Table) -> Option<Vec<&Value>> {
    (0..table.len()).map(|index| table.get(&index.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(items: &[&str]) -> Vec<Value> {
        items.iter().map(|item| Value::Text((*item).to_owned())).collect()
    }

    #[test]
    fn words_for_yes_and_no() {
        for yes in ["true", "TRUE", "1", "yes", "Yes", "on", " on "] {
            assert_eq!(boolean(yes), Some(true), "{yes}");
        }
        for no in ["false", "0", "no", "OFF"] {
            assert_eq!(boolean(no), Some(false), "{no}");
        }
        for other in ["", "2", "y", "enabled"] {
            assert_eq!(boolean(other), None, "{other}");
        }
    }

    #[test]
    fn lists_come_as_commas_or_json() {
        assert_eq!(list("a,b"), texts(&["a", "b"]));
        assert_eq!(list(" a , b , "), texts(&["a", "b"]));
        assert_eq!(list(""), texts(&[]));
        assert_eq!(list("a,,b"), texts(&["a", "", "b"]));
        assert_eq!(list("[1, 2]"), vec![Value::from(1), Value::from(2)]);
        assert_eq!(list(r#"["a,b"]"#), texts(&["a,b"]));
        assert_eq!(list("[::1]:80,[::2]:80"), texts(&["[::1]:80", "[::2]:80"]), "an IPv6 address is no JSON");
    }

    #[test]
    fn maps_come_as_pairs_or_json() {
        let table = map("a=1, b = x=y").unwrap();
        assert_eq!(table.at("a"), Some(&Value::Text("1".into())));
        assert_eq!(table.at("b"), Some(&Value::Text("x=y".into())));
        assert_eq!(map(r#"{"a": 1}"#).unwrap().at("a"), Some(&Value::from(1)));
        assert!(map("a").is_none());
        assert!(map("{broken").is_none());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*|[\\[\\]{}\",:0-9a ]{0,24}") {
            drop((boolean(&text), list(&text), map(&text), json(&text)));
        }
    }
}
