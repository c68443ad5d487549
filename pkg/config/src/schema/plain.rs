//! Turns Rust documentation into plain text, for readers of the reference.

use serde_json::Value as Json;

/// Takes the links to items of Rust and the sections (`# Examples`) out of every description; links to the web stay.
pub(super) fn unlink(schema: &mut Json) {
    match schema {
        Json::Object(object) => {
            for (word, value) in object {
                match (word.as_str(), value) {
                    ("default" | "examples" | "const" | "enum", _) => {}
                    ("description", Json::String(text)) => *text = plain(text),
                    (_, value) => unlink(value),
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(unlink),
        _ => {}
    }
}

/// Ends before the first section; ``[`Level`](crate::Level)`` and ``[`Level`]`` become `` `Level` ``.
fn plain(text: &str) -> String {
    let text = text.split_once("\n# ").map_or(text, |(text, _)| text.trim_end());
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        plain.push_str(before);
        let Some((name, after)) = link.split_once(']') else {
            plain.push('[');
            rest = link;
            break;
        };
        let target = after.strip_prefix('(').and_then(|after| after.split_once(')'));
        let is_code = name.len() > 2 && name.starts_with('`') && name.ends_with('`');
        match target {
            Some((target, after)) if target.contains("::") => {
                plain.push_str(name);
                rest = after;
            }
            None if is_code => {
                plain.push_str(name);
                rest = after;
            }
            _ => {
                plain.push('[');
                rest = link;
            }
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_items_become_their_names_and_everything_else_stays() {
        for (text, expected) in [
            ("see [`Level`].", "see `Level`."),
            ("how [`connect`](super::Bus::connect) tries", "how `connect` tries"),
            ("a [sweeper](super::Sweeper) runs", "a sweeper runs"),
            ("the [manual](https://example.org/a) says", "the [manual](https://example.org/a) says"),
            ("a list [1, 2] or [", "a list [1, 2] or ["),
            ("[ [`A`] ] é", "[ `A` ] é"),
            ("How.\n\nMore.\n\n# Examples\n\n```\nlet a;\n```", "How.\n\nMore."),
        ] {
            assert_eq!(plain(text), expected);
        }
    }

    #[test]
    fn only_descriptions_are_changed() {
        let mut schema = serde_json::json!({
            "properties": { "description": { "description": "[`A`]", "default": { "description": "[`B`]" } } }
        });
        unlink(&mut schema);
        assert_eq!(
            schema,
            serde_json::json!({
                "properties": { "description": { "description": "`A`", "default": { "description": "[`B`]" } } }
            })
        );
    }
}
