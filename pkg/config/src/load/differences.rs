use std::collections::BTreeSet;

use crate::load::key;
use crate::{Table, Value};

/// The keys whose values differ, down to values and whole lists, in the order of the alphabet.
pub(crate) fn differences(before: &Value, after: &Value) -> Vec<String> {
    let mut found = BTreeSet::new();
    collect("", Some(before), Some(after), &mut found);
    found.into_iter().collect()
}

fn collect(key: &str, before: Option<&Value>, after: Option<&Value>, found: &mut BTreeSet<String>) {
    if before == after {
        return;
    }
    let tables: Vec<&Table> = [before, after].into_iter().flatten().filter_map(table).collect();
    // A value, or a value that became a table.
    if tables.len() < [before, after].into_iter().flatten().count() {
        found.insert(key.to_owned());
    }
    for name in tables.into_iter().flat_map(Table::keys) {
        let mut below = key.to_owned();
        key::push(&mut below, name);
        let [before, after] = [before, after].map(|value| table(value?)?.get(name));
        collect(&below, before, after, found);
    }
}

fn table(value: &Value) -> Option<&Table> {
    match value {
        Value::Table(table) => Some(table),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        fn of(json: &serde_json::Value) -> Value {
            match json {
                serde_json::Value::Object(members) => {
                    Value::Table(members.iter().map(|(name, value)| (name.clone(), of(value))).collect())
                }
                serde_json::Value::Array(items) => Value::List(items.iter().map(of).collect()),
                other => Value::Text(other.to_string()),
            }
        }
        of(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn keys_are_named_down_to_values_and_whole_lists() {
        let before =
            value(r#"{"a": 1, "b": {"c": 1, "d": 2}, "l": [1, {"x": 1}], "gone": {"e": 1}, "v": 1}"#);
        let after = value(r#"{"a": 1, "b": {"c": 2, "d": 2}, "l": [1, {"x": 2}], "x.y": 1, "v": {"w": 1}}"#);
        assert_eq!(differences(&before, &after), ["\"x.y\"", "b.c", "gone.e", "l", "v", "v.w"]);
        assert!(differences(&before, &before).is_empty());
    }
}
