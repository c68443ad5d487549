//! What untyped text means to the type that receives it.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;

use serde::Deserialize;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};

use crate::load::key;
use crate::{Table, Value};

/// The words for yes and no, without case: `true`, `yes`, `on`, `1` and `false`, `no`, `off`, `0`.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| word.eq_ignore_ascii_case(text.trim()));
    match (is(["true", "yes", "on", "1"]), is(["false", "no", "off", "0"])) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// Why a text is no list.
pub(crate) const NO_JSON_LIST: &str =
    "starts with `[` and is no list in JSON: write `[\"a\", \"b\"]`, or `a, b` without brackets";

/// The items of a list: JSON when it starts with `[`, otherwise items between commas with the space around them removed. One
/// comma at the end is allowed; empty text is the empty list.
///
/// An IPv6 address in brackets (`[::1]:80`) starts no JSON.
pub(crate) fn list(text: &str) -> Result<Vec<Value>, &'static str> {
    let text = text.trim();
    if text.starts_with('[') {
        match json(text) {
            Some(Value::List(items)) => return Ok(items),
            _ if text.split(',').all(|item| !item.trim().starts_with('[') || is_ipv6(item.trim())) => {}
            _ => return Err(NO_JSON_LIST),
        }
    }
    let text = text.strip_suffix(',').unwrap_or(text);
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    Ok(text.split(',').map(|item| Value::Text(item.trim().to_owned())).collect())
}

/// Whether an item starts with an IPv6 address in brackets: `[::1]`, `[fe80::1%eth0]:80`.
fn is_ipv6(item: &str) -> bool {
    let inside = item.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    inside.is_some_and(|(address, _)| {
        address.split('%').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
    })
}

/// The entries of a map: JSON when it starts with `{`, otherwise `key=value` between commas. `None` also when a key comes twice.
pub(crate) fn map(text: &str) -> Option<Value> {
    let text = text.trim();
    if text.starts_with('{') {
        return json(text).filter(|value| matches!(value, Value::Table(_)));
    }
    let text = text.strip_suffix(',').unwrap_or(text);
    let mut table = Table::new();
    if text.trim().is_empty() {
        return Some(Value::Table(table));
    }
    for item in text.split(',') {
        let (key, value) = item.split_once('=')?;
        let value = Value::Text(value.trim().to_owned());
        if key.trim().is_empty() || table.insert(key.trim().to_owned(), value).is_some() {
            return None;
        }
    }
    Some(Value::Table(table))
}

/// JSON whose strings are untyped text as well: `["8080"]` is as good as `[8080]` where the whole came as text. `None` also when
/// an object holds a key twice.
pub(crate) fn json(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().map(|JsonText(value)| value)
}

struct JsonText(Value);

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonTextVisitor).map(Self)
    }
}

struct JsonTextVisitor;

impl<'de> Visitor<'de> for JsonTextVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(JsonText(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut table = Table::new();
        while let Some((key, JsonText(value))) = entries.next_entry::<String, _>()? {
            if table.insert(key, value).is_some() {
                return Err(A::Error::custom("a key comes twice"));
            }
        }
        Ok(Value::Table(table))
    }
}

/// The value at a path, also inside of a text.
pub(crate) fn inside<'v>(value: &'v Value, path: &[String]) -> Option<Cow<'v, Value>> {
    for (depth, segment) in path.iter().enumerate() {
        let above = value.at_path(path.get(..depth)?)?;
        if let Value::Text(text) = above {
            let index = segment.parse::<usize>().is_ok();
            let parts =
                json(text).or_else(|| if index { list(text).ok().map(Value::List) } else { map(text) })?;
            return inside(&parts, path.get(depth..)?).map(|value| Cow::Owned(value.into_owned()));
        }
    }
    value.at_path(path).map(Cow::Borrowed)
}

/// The name that a text means: exactly, or the only one that differs in nothing but case, `_` and `-`.
pub(crate) fn spelled(text: &str, names: &'static [&'static str]) -> Option<&'static str> {
    if let Some(exact) = names.iter().find(|known| **known == text) {
        return Some(exact);
    }
    let mut alike = names.iter().filter(|known| key::is_alike(known, text));
    match (alike.next(), alike.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// The items of a table whose keys are `0`, `1` and so on without a gap, as indexed variables leave it.
pub(crate) fn indexed(table: &Table) -> Option<Vec<&Value>> {
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
        let items = |text| list(text).unwrap();
        assert_eq!(items("a,b"), texts(&["a", "b"]));
        assert_eq!(items(" a , b , "), texts(&["a", "b"]));
        assert_eq!(items(""), texts(&[]));
        assert_eq!(items("a,,b"), texts(&["a", "", "b"]));
        assert_eq!(items("[1, 2]"), vec![Value::from(1), Value::from(2)]);
        assert_eq!(items(r#"["a,b"]"#), texts(&["a,b"]));
        assert_eq!(
            items("[::1]:80,[::2]:80"),
            texts(&["[::1]:80", "[::2]:80"]),
            "an IPv6 address is no JSON"
        );
        assert_eq!(items("[fe80::1%eth0], b,"), texts(&["[fe80::1%eth0]", "b"]));
        assert_eq!(items("a, [b"), texts(&["a", "[b"]), "only the start decides");
    }

    #[test]
    fn a_bracket_that_starts_no_json_is_no_list() {
        for text in [
            "[a, b]",
            "[",
            "[]]",
            "[1,]",
            "[1 2]",
            "[\"a\"",
            "[::1",
            "[::1]:80, [x",
            "[a]",
            "[{\"a\":1,\"a\":2}]",
        ] {
            assert_eq!(list(text), Err(NO_JSON_LIST), "{text}");
        }
    }

    #[test]
    fn maps_come_as_pairs_or_json() {
        let table = map("a=1, b = x=y").unwrap();
        assert_eq!(table.at("a"), Some(&Value::Text("1".into())));
        assert_eq!(table.at("b"), Some(&Value::Text("x=y".into())));
        assert_eq!(map(r#"{"a": 1}"#).unwrap().at("a"), Some(&Value::from(1)));
        assert!(map("a").is_none());
        assert!(map("{broken").is_none());
        assert!(map("a=1,a=2").is_none() && map(r#"{"a": 1, "a": 2}"#).is_none(), "a key comes twice");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*|[\\[\\]{}\",:0-9a ]{0,24}") {
            drop((boolean(&text), list(&text), map(&text), json(&text)));
        }
    }
}
