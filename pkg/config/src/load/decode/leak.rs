//! Keeps values out of messages that this crate did not write.

use std::collections::HashSet;

use crate::Value;

/// A longer message is not printed.
const LONGEST: usize = 512;
/// So many characters in a row of a value make a message unfit to print.
const WINDOW: usize = 3;

/// Whether a message written by a foreign type repeats some of the value it is about. Errs on the side of silence: a message
/// that only looks as if it did is dropped as well.
pub(crate) fn leaks(message: &str, value: &Value) -> bool {
    if message.len() > LONGEST {
        return true;
    }
    let message = message.to_lowercase();
    let characters: Vec<char> = message.chars().collect();
    let windows: HashSet<&[char]> = characters.windows(WINDOW).collect();
    texts(value).iter().any(|text| repeats(&message, &windows, &text.to_lowercase()))
}

fn repeats(message: &str, windows: &HashSet<&[char]>, text: &str) -> bool {
    let characters: Vec<char> = text.trim().chars().collect();
    if characters.len() < WINDOW {
        return words(message).any(|word| word == text.trim());
    }
    characters.windows(WINDOW).any(|window| windows.contains(window))
        || quotes(message).any(|quote| text.contains(quote))
}

fn words(message: &str) -> impl Iterator<Item = &str> {
    message.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// What stands between quotes: "found `x`".
fn quotes(message: &str) -> impl Iterator<Item = &str> {
    message.split(['`', '\'', '"']).skip(1).step_by(2).filter(|quote| !quote.is_empty())
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Bool(value) => vec![value.to_string()],
        Value::Integer(value) => vec![value.to_string()],
        Value::Float(value) => vec![value.to_string()],
        Value::String(text) | Value::Text(text) => vec![text.clone()],
        Value::List(items) => items.iter().flat_map(texts).collect(),
        Value::Table(table) => table.values().flat_map(texts).collect(),
    }
}

/// The last part of a type's name: `IpAddr` of `core::net::ip_addr::IpAddr`; nothing for what derive generated.
pub(crate) fn leaf_name(target: &'static str) -> Option<&'static str> {
    let outer = target.split('<').next().unwrap_or_default();
    let name = outer.rsplit("::").next().unwrap_or_default();
    (!name.is_empty() && !name.starts_with("__") && !outer.contains("::_::")).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_that_repeats_the_value_leaks() {
        let value = Value::Text("hunter2!".into());
        assert!(leaks("cannot parse hunter2!", &value));
        assert!(leaks("cannot parse HUNTER", &value));
        assert!(leaks("invalid character: found `h` at 1", &value));
        assert!(!leaks("port must be above 1024", &value));
        assert!(leaks("80 is too small", &Value::from(80)));
    }

    #[test]
    fn names_the_type_and_not_its_path() {
        assert_eq!(leaf_name("core::net::ip_addr::IpAddr"), Some("IpAddr"));
        assert_eq!(leaf_name("alloc::vec::Vec<core::net::IpAddr>"), Some("Vec"));
        assert_eq!(leaf_name("app::_::<impl Deserialize for app::S>::visit::__DeserializeWith"), None);
        assert_eq!(leaf_name(""), None);
    }

    proptest! {
        #[test]
        fn a_message_that_holds_the_value_always_leaks(before in "\\PC{0,8}", value in "[a-zA-Z0-9]{3,20}", after in "\\PC{0,8}") {
            let message = format!("{before}{value}{after}");
            prop_assert!(leaks(&message, &Value::Text(value)));
        }
    }
}
